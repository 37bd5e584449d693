// C++ that is heavy for the compiler (recursive templates, variants, regular expressions, ranges) and, run, for
// operator new: containers of strings, shared pointers handed between threads, over-aligned objects, exceptions.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <numeric>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N> struct fibonacci { static constexpr std::uint64_t value = fibonacci<N - 1>::value + fibonacci<N - 2>::value; };
template <> struct fibonacci<1> { static constexpr std::uint64_t value = 1; };
template <> struct fibonacci<0> { static constexpr std::uint64_t value = 0; };

template <int N> struct node : node<N - 1> {
	std::tuple<std::string, std::array<int, N>, std::map<int, std::string>> fields{std::to_string(N), {}, {{N, "x"}}};
	std::size_t sum() const { return std::get<0>(fields).size() + std::get<2>(fields).size() + node<N - 1>::sum(); }
};
template <> struct node<0> { std::size_t sum() const { return 0; } };

struct alignas(128) wide {
	std::array<char, 200> bytes{};
};

using value = std::variant<int, double, std::string, std::vector<int>, std::map<std::string, int>>;

static std::uint32_t random_below(std::uint32_t &state, std::uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static std::size_t values(std::uint32_t seed)
{
	std::vector<value> all;
	std::size_t sum = 0;
	for (int i = 0; i < 20000; i++) {
		switch (random_below(seed, 5)) {
		case 0: all.emplace_back(i); break;
		case 1: all.emplace_back(i * 0.5); break;
		case 2: all.emplace_back(std::string(random_below(seed, 300), 'v')); break;
		case 3: all.emplace_back(std::vector<int>(random_below(seed, 500), i)); break;
		default: all.emplace_back(std::map<std::string, int>{{"a", i}, {std::to_string(i), 1}});
		}
		if (random_below(seed, 3) == 0)
			all.erase(all.begin() + static_cast<long>(all.size() - 1 - random_below(seed, 1) % all.size()));
	}
	for (const value &v : all)
		sum += std::visit([](const auto &x) -> std::size_t {
			if constexpr (requires { x.size(); })
				return x.size();
			else
				return static_cast<std::size_t>(x);
		}, v);
	return sum;
}

int main()
{
	std::cout << fibonacci<80>::value << ' ' << node<120>().sum() << ' ' << values(1) << '\n';

	std::string text;
	for (int i = 0; i < 2000; i++)
		text += "key" + std::to_string(i) + "=" + std::string(static_cast<std::size_t>(i % 40), 'q') + ";";
	std::unordered_map<std::string, std::size_t> found;
	const std::regex pair("(key[0-9]*7)=(q*);");
	for (std::sregex_iterator it(text.begin(), text.end(), pair), end; it != end; ++it)
		found[(*it)[1]] = (*it)[2].length();
	std::cout << found.size() << ' '
		  << std::accumulate(found.begin(), found.end(), 0ul, [](auto s, auto &p) { return s + p.second; }) << '\n';

	int caught = 0;
	for (int i = 0; i < 20000; i++) {
		try {
			std::unique_ptr<std::string> held = std::make_unique<std::string>(100, 'e');
			if (i % 2)
				throw std::runtime_error(*held + std::to_string(i));
			throw std::make_shared<std::vector<int>>(50, i);
		} catch (const std::runtime_error &e) {
			caught += e.what()[0] == 'e';
		} catch (const std::shared_ptr<std::vector<int>> &v) {
			caught += v->back() == i;
		}
	}
	volatile std::size_t impossible = SIZE_MAX / 2;
	try {
		std::cout << new char[impossible] << '\n';
	} catch (const std::bad_alloc &) {
		std::cout << "bad_alloc " << caught << ' ' << (operator new(impossible, std::nothrow) == nullptr) << '\n';
	}

	std::vector<std::unique_ptr<wide>> aligned;
	std::size_t misplaced = 0;
	for (int i = 0; i < 5000; i++) {
		aligned.push_back(std::make_unique<wide>());
		misplaced += reinterpret_cast<std::uintptr_t>(aligned.back().get()) % alignof(wide) != 0;
	}
	std::cout << misplaced << " misplaced\n";

	std::array<std::size_t, 6> sums{};
	auto shared = std::make_shared<std::deque<std::shared_ptr<std::string>>>();
	for (int i = 0; i < 5000; i++)
		shared->push_back(std::make_shared<std::string>(static_cast<std::size_t>(i % 97), 's'));
	std::vector<std::thread> threads;
	for (std::size_t t = 0; t < sums.size(); t++)
		threads.emplace_back([t, &sums, shared]() mutable {
			std::list<std::shared_ptr<std::string>> mine(shared->begin(), shared->end());
			shared.reset();
			mine.remove_if([t](const auto &s) { return s->size() % 6 == t; });
			sums[t] = values(static_cast<std::uint32_t>(t)) + mine.size();
		});
	shared.reset();
	for (std::thread &t : threads)
		t.join();
	for (std::size_t s : sums)
		std::cout << s << '\n';
}
