#include "pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace pixels {
namespace {

// The parts of one picture; helpers that come too late find nothing left to do.
struct Job {
  explicit Job(int parts, const std::function<void(int)>& work) : count(parts), part(work) {}

  void take_parts() {
    for (int i = next++; i < count; i = next++) {
      part(i);
      if (++done == count) {
        const std::lock_guard<std::mutex> lock(mutex);
        ended.notify_all();
      }
    }
  }

  void wait() {
    std::unique_lock<std::mutex> lock(mutex);
    ended.wait(lock, [this] { return done == count; });
  }

  const int count;
  const std::function<void(int)>& part;
  std::atomic<int> next{0};
  std::atomic<int> done{0};
  std::mutex mutex;
  std::condition_variable ended;
};

class Pool {
 public:
  explicit Pool(int helpers) {
    for (int i = 0; i < helpers; i++) std::thread([this] { help(); }).detach();
  }

  void ask(const std::shared_ptr<Job>& job, int helpers) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (int i = 0; i < helpers; i++) jobs_.push_back(job);
    }
    for (int i = 0; i < helpers; i++) ready_.notify_one();
  }

 private:
  void help() {
    for (;;) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        ready_.wait(lock, [this] { return !jobs_.empty(); });
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      job->take_parts();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::shared_ptr<Job>> jobs_;
};

}  // namespace

int usable_threads() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void in_parallel(int count, int threads, const std::function<void(int)>& part) {
  const int helpers = std::min({threads, count, usable_threads()}) - 1;
  if (helpers <= 0) {
    for (int i = 0; i < count; i++) part(i);
    return;
  }
  // Never destroyed: its threads may wait while the process ends.
  static Pool& pool = *new Pool(usable_threads() - 1);
  const auto job = std::make_shared<Job>(count, part);
  pool.ask(job, helpers);
  job->take_parts();
  job->wait();
}

}  // namespace pixels
