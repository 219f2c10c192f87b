#include "allocator.h"

#include <array>
#include <climits>
#include <cstdlib>
#include <new>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <utility>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

namespace roc {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kClasses = 64;  // class c holds blocks of (c + 1) * 64 bytes
constexpr size_t kBlocksPerClass = 64;

// One a thread, so that no lock is needed; a block freed by another thread joins that thread's cache.
struct Cache {
  struct Class {
    std::array<void*, kBlocksPerClass> blocks;
    size_t count = 0;
  };
  std::array<Class, kClasses> classes;
  bool* gone;
  explicit Cache(bool* gone) : gone(gone) {}
  ~Cache() {
    *gone = true;
    for (auto& size : classes) {
      while (size.count > 0) std::free(size.blocks[--size.count]);
    }
  }
};

// Null once the thread is ending: tensors may be freed after its cache.
Cache* cache() {
  static thread_local bool gone = false;
  if (gone) return nullptr;
  static thread_local Cache instance(&gone);
  return &instance;
}

template <size_t Class>
void release(void* block) {
  Cache* mine = cache();
  if (mine != nullptr && mine->classes[Class].count < kBlocksPerClass) {
    auto& size = mine->classes[Class];
    size.blocks[size.count++] = block;
  } else {
    std::free(block);
  }
}

template <size_t... Class>
constexpr std::array<c10::DeleterFnPtr, sizeof...(Class)> releasers(std::index_sequence<Class...>) {
  return {&release<Class>...};
}
constexpr auto kReleasers = releasers(std::make_index_sequence<kClasses>());

class SmallBlockAllocator final : public c10::Allocator {
 public:
  explicit SmallBlockAllocator(c10::Allocator* large) : large_(large) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0 || bytes > kClasses * kAlignment) return allocateLarge(bytes);
    const size_t index = (bytes - 1) / kAlignment;
    Cache* mine = cache();
    void* block = nullptr;
    if (mine != nullptr && mine->classes[index].count > 0) {
      auto& size = mine->classes[index];
      block = size.blocks[--size.count];
    } else {
      block = std::aligned_alloc(kAlignment, (index + 1) * kAlignment);
      if (block == nullptr) throw std::bad_alloc();
    }
    return {block, block, kReleasers[index], c10::DeviceType::CPU};
  }
  // Every block, small or large, comes from the C library.
  c10::DeleterFnPtr raw_deleter() const override { return &std::free; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  // libtorch's own allocator fails where there is no memory, or where more is asked for than could ever be.
  c10::DataPtr allocateLarge(size_t bytes) {
    try {
      return large_->allocate(bytes);
    } catch (const c10::Error& error) {
      throw c10::OutOfMemoryError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, error.msg());
    }
  }

  c10::Allocator* large_;
};

bool keepsFreed = false;

#ifdef __GLIBC__
// A number of bytes that the user has given glibc in the environment, else ours.
int given(const char* name, int ours) {
  const char* text = std::getenv(name);
  const long bytes = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return bytes > 0 && bytes <= INT_MAX ? static_cast<int>(bytes) : ours;
}
#endif

}  // namespace

void keepFreedMemory(bool on) {
  keepsFreed = on;
#ifdef __GLIBC__
  // What comes from glibc's heap at most, and when the heap's end is given back. Once set they no longer adapt by
  // themselves; 32 and 64 MiB are what they reach where large blocks come and go.
  mallopt(M_MMAP_THRESHOLD, given("MALLOC_MMAP_THRESHOLD_", 32 << 20));
  mallopt(M_TRIM_THRESHOLD, on ? -1 : given("MALLOC_TRIM_THRESHOLD_", 64 << 20));
  if (!on) malloc_trim(0);
#endif
}

bool keepsFreedMemory() { return keepsFreed; }

void installSmallBlockCache() {
  static SmallBlockAllocator* const installed = [] {
    auto* allocator = new SmallBlockAllocator(c10::GetCPUAllocator());
    c10::SetCPUAllocator(allocator, 1);
    return allocator;
  }();
  (void)installed;
}

}  // namespace roc
