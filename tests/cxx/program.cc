// An ordinary program: containers, strings, streams, regular expressions, memory resources, threads. What it prints must be the
// same with every allocator.

#include <algorithm>
#include <deque>
#include <functional>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <random>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

using generator = std::mt19937;

static std::string words(generator &random, int count)
{
	std::ostringstream text;
	for (int i = 0; i < count; i++)
		text << "word" << random() % 1000 << ' ';
	return text.str();
}

static std::size_t count_words(generator &random)
{
	std::unordered_map<std::string, std::vector<std::size_t>> places;
	std::istringstream text(words(random, 50000));
	std::string word;
	for (std::size_t place = 0; text >> word; place++)
		places[word].push_back(place);
	std::size_t sum = 0;
	for (const auto &[key, list] : places)
		sum += key.size() * list.size() * list.back();
	return sum;
}

static std::size_t match_words(generator &random)
{
	std::string text = words(random, 2000);
	std::regex pattern("word([0-9]*)7 ");
	std::size_t sum = 0;
	for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
		sum += (*match)[1].length() + match->position();
	return sum;
}

struct tree {
	std::unique_ptr<tree> left, right;
	std::shared_ptr<std::string> label;
};

static std::unique_ptr<tree> grow(int depth, const std::shared_ptr<std::string> &label)
{
	if (depth == 0)
		return nullptr;
	auto node = std::make_unique<tree>();
	node->left = grow(depth - 1, label);
	node->right = grow(depth - 1, label);
	node->label = depth % 3 ? label : std::make_shared<std::string>(100, 'l');
	return node;
}

static std::size_t weigh(const tree *node)
{
	return node ? node->label->size() + weigh(node->left.get()) + weigh(node->right.get()) : 0;
}

template <typename Container> std::size_t replace_at_random(generator &random)
{
	std::map<std::size_t, Container> slots;
	std::size_t sum = 0;
	for (int i = 0; i < 20000; i++) {
		Container &slot = slots[random() % 300];
		slot = Container(random() % (i % 100 ? 200 : 50000), i);
		sum += slots[random() % 300].size();
	}
	return sum;
}

static std::size_t use_resources(generator &random)
{
	std::pmr::synchronized_pool_resource pool;
	std::pmr::monotonic_buffer_resource buffer(&pool);
	std::pmr::map<std::size_t, std::pmr::string> strings(&buffer);
	for (int i = 0; i < 5000; i++)
		strings[random()] = std::pmr::string(random() % 300, 's');
	std::size_t sum = 0;
	for (const auto &[key, string] : strings)
		sum += key % 97 * string.size();
	return sum;
}

static std::size_t run_all(unsigned seed)
{
	generator random(seed);
	std::size_t sum = 0;
	for (const auto &part : {count_words, match_words, use_resources, replace_at_random<std::vector<int>>,
				 replace_at_random<std::deque<char>>, replace_at_random<std::list<long>>})
		sum = sum * 31 + part(random);
	return sum * 31 + weigh(grow(14, std::make_shared<std::string>("label")).get());
}

int main()
{
	std::vector<std::size_t> sums(4);
	std::vector<std::thread> threads;
	for (unsigned i = 0; i < sums.size(); i++)
		threads.emplace_back([&sums, i] { sums[i] = run_all(i); });
	for (std::thread &thread : threads)
		thread.join();
	for (std::size_t sum : sums)
		std::cout << sum << '\n';
	std::cout << run_all(99) << std::endl;
	return 0;
}
