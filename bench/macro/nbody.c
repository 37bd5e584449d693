/*
 * nbody.c - the n-body method of Barnes and Hut (Nature 324, 1986): bodies that live as long as the program, and an
 * octree that is built of one block a cell in each step and freed at its end, in another order. One operation is one
 * body in one step.
 */
#include "../lib/load.h"

enum { BODIES = 20000, STEPS = 36, OCTANTS = 8, DEPTH = 40 };

struct vector {
	double x, y, z;
};

struct body {
	struct vector at, speed;
	double mass;
	uint64_t tag;
};

/* A cube with its mass and centre; a leaf has one body and no parts. */
struct cell {
	struct vector centre_of_mass;
	double mass;
	struct body *body;
	struct cell *part[OCTANTS];
	int bodies;
};

static struct cell *cell_new(struct body *body)
{
	struct cell *cell = load_alloc(sizeof *cell);
	*cell = (struct cell){.body = body, .bodies = 1, .mass = body->mass, .centre_of_mass = body->at};
	return cell;
}

static int octant(const struct vector *middle, const struct vector *at)
{
	return (at->x >= middle->x) | (at->y >= middle->y) << 1 | (at->z >= middle->z) << 2;
}

static struct vector middle_of(const struct vector *middle, double half, int which)
{
	double step = half / 2;
	return (struct vector){middle->x + (which & 1 ? step : -step), middle->y + (which & 2 ? step : -step),
		middle->z + (which & 4 ? step : -step)};
}

static void weigh(struct cell *cell, const struct body *body)
{
	double mass = cell->mass + body->mass;
	cell->centre_of_mass.x = (cell->centre_of_mass.x * cell->mass + body->at.x * body->mass) / mass;
	cell->centre_of_mass.y = (cell->centre_of_mass.y * cell->mass + body->at.y * body->mass) / mass;
	cell->centre_of_mass.z = (cell->centre_of_mass.z * cell->mass + body->at.z * body->mass) / mass;
	cell->mass = mass;
	cell->bodies++;
}

/* Puts a body into the cube at *place with this middle and half its side. */
static void insert(struct cell **place, struct body *body, struct vector middle, double half)
{
	for (int depth = 0; *place != NULL && depth < DEPTH; depth++) {
		struct cell *cell = *place;
		if (cell->body != NULL) {
			cell->part[octant(&middle, &cell->body->at)] = cell_new(cell->body);
			cell->body = NULL;
		}
		weigh(cell, body);
		int which = octant(&middle, &body->at);
		middle = middle_of(&middle, half, which);
		half /= 2;
		place = &cell->part[which];
	}
	load_check(*place == NULL, "two bodies at one place");
	*place = cell_new(body);
}

static void attract(struct vector *speed, const struct body *body, const struct cell *cell)
{
	double x = cell->centre_of_mass.x - body->at.x;
	double y = cell->centre_of_mass.y - body->at.y;
	double z = cell->centre_of_mass.z - body->at.z;
	double square = x * x + y * y + z * z + 1e-4;
	double pull = cell->mass / (square * square) * 1e-7;
	speed->x += x * pull;
	speed->y += y * pull;
	speed->z += z * pull;
}

/* The pull of the cells along the body's way down the tree: enough for a benchmark of the tree. */
static void pull(const struct cell *cell, struct body *body, struct vector middle, double half)
{
	while (cell != NULL && cell->body == NULL) {
		int own = octant(&middle, &body->at);
		for (int i = 0; i < OCTANTS; i++)
			if (i != own && cell->part[i] != NULL)
				attract(&body->speed, body, cell->part[i]);
		middle = middle_of(&middle, half, own);
		half /= 2;
		cell = cell->part[own];
	}
	load_check(cell != NULL && cell->body == body, "a body is not where it was put");
}

static int tree_free(struct cell *cell)
{
	int bodies = cell->body != NULL;
	for (int i = 0; i < OCTANTS; i++)
		if (cell->part[i] != NULL)
			bodies += tree_free(cell->part[i]);
	load_check(bodies == cell->bodies, "bodies were lost");
	free(cell);
	return bodies;
}

static double wrapped(double value) { return value < 0 ? value + 1 : value >= 1 ? value - 1 : value; }

static void step(struct body **bodies)
{
	static const struct vector middle = {0.5, 0.5, 0.5};
	struct cell *tree = NULL;
	for (int i = 0; i < BODIES; i++)
		insert(&tree, bodies[i], middle, 0.5);
	for (int i = 0; i < BODIES; i++)
		pull(tree, bodies[i], middle, 0.5);
	for (int i = 0; i < BODIES; i++) {
		bodies[i]->at.x = wrapped(bodies[i]->at.x + bodies[i]->speed.x);
		bodies[i]->at.y = wrapped(bodies[i]->at.y + bodies[i]->speed.y);
		bodies[i]->at.z = wrapped(bodies[i]->at.z + bodies[i]->speed.z);
	}
	load_check(tree_free(tree) == BODIES, "bodies were lost");
}

static double unit(uint64_t *random) { return bench_random(random) / 4294967296.0; }

static struct body *body_new(uint64_t *random)
{
	struct body *body = load_alloc(sizeof *body);
	body->at = (struct vector){unit(random), unit(random), unit(random)};
	body->speed = (struct vector){(unit(random) - 0.5) / 50, (unit(random) - 0.5) / 50, (unit(random) - 0.5) / 50};
	body->mass = 1 + unit(random);
	body->tag = load_tag(body, sizeof *body);
	return body;
}

int main(void)
{
	static struct body *bodies[BODIES];
	uint64_t random = load_seed(0);
	size_t steps = load_work(STEPS);
	uint64_t begin = bench_now_ns();
	for (int i = 0; i < BODIES; i++)
		bodies[i] = body_new(&random);
	for (size_t i = 0; i < steps; i++)
		step(bodies);
	for (int i = 0; i < BODIES; i++) {
		load_check(bodies[i]->tag == load_tag(bodies[i], sizeof *bodies[i]), "a body changed");
		free(bodies[i]);
	}
	load_report(begin, (double)steps * BODIES);
	return 0;
}
