// The answers of Boost.Fiber: `boost_fiber QUESTION WORKERS SIZE` prints the figures.
#include <boost/fiber/all.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using clock_type = std::chrono::steady_clock;

static double each(clock_type::time_point start, long n) {
    return std::chrono::duration<double, std::nano>(clock_type::now() - start).count() / n;
}

static void yields(long tasks, long total) {
    std::vector<boost::fibers::fiber> fibers;
    for (long i = 0; i < tasks; i++)
        fibers.emplace_back(boost::fibers::launch::post, [=] {
            for (long n = 0; n < total / tasks; n++) boost::this_fiber::yield();
        });
    auto start = clock_type::now();
    for (auto& fiber : fibers) fiber.join();
    std::printf("%f\n", each(start, total / tasks * tasks));
}

static void spawn(long tasks, long batch) {
    std::vector<boost::fibers::fiber> fibers;
    auto start = clock_type::now();
    for (long n = 0; n < tasks / batch; n++) {
        for (long i = 0; i < batch; i++) fibers.emplace_back(boost::fibers::launch::post, [] {});
        for (auto& fiber : fibers) fiber.join();
        fibers.clear();
    }
    std::printf("%f\n", each(start, tasks / batch * batch));
}

static void pingpong(long trips) {
    boost::fibers::unbuffered_channel<long> pings, pongs;
    boost::fibers::fiber echo([&] {
        for (long ping : pings) pongs.push(ping);
    });
    auto start = clock_type::now();
    for (long trip = 0; trip < trips; trip++) {
        pings.push(trip);
        if (pongs.value_pop() != trip) std::abort();
    }
    double ns = each(start, trips);
    pings.close();
    echo.join();
    std::printf("%f\n", ns);
}

int main(int, char** argv) {
    long size = std::atol(argv[3]);
    if (!std::strcmp(argv[1], "yield_1")) yields(1, size);
    else if (!std::strcmp(argv[1], "pingpong_0")) pingpong(size);
    else if (!std::strcmp(argv[1], "yield_10")) yields(10, size);
    else if (!std::strcmp(argv[1], "yield_1000")) yields(1000, size);
    else if (!std::strcmp(argv[1], "spawn_seq")) spawn(size, 1);
    else if (!std::strcmp(argv[1], "spawn_batch")) spawn(size, 1000);
    else return 2;
}
