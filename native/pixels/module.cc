// The addon that turns decoded pictures into a model's input. It needs no libtorch.
#include <dlfcn.h>
#include <node_api.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <limits>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "deep.h"
#include "jpeg.h"
#include "kernels.h"
#include "picture.h"
#include "pool.h"

namespace {

using pixels::Form;
using pixels::Layout;
using pixels::Steps;

constexpr size_t kArguments = 5;
// Sides and products of them stay within 32 and 53 bits.
constexpr int64_t kLongestSide = 1 << 27;

struct Failure {
  const char* message;
};

void check(bool holds, const char* message) {
  if (!holds) throw Failure{message};
}

void check(napi_status status) { check(status == napi_ok, "Node refused a call"); }

// The elements of a typed array.
template <typename T>
struct Elements {
  T* data = nullptr;
  size_t length = 0;
};

template <typename T>
Elements<T> elements(napi_env env, napi_value value, napi_typedarray_type wanted, const char* what) {
  bool is = false;
  check(napi_is_typedarray(env, value, &is));
  check(is, what);
  napi_typedarray_type type;
  Elements<T> found;
  void* data = nullptr;
  check(napi_get_typedarray_info(env, value, &type, &found.length, &data, nullptr, nullptr));
  check(type == wanted || (wanted == napi_uint8_array && type == napi_uint8_clamped_array), what);
  found.data = static_cast<T*>(data);
  return found;
}

bool is_nothing(napi_env env, napi_value value) {
  napi_valuetype type;
  check(napi_typeof(env, value, &type));
  return type == napi_null || type == napi_undefined;
}

// Work that may run off the thread, with everything that it reads and writes.
class Task {
 public:
  virtual ~Task() = default;

  void run() noexcept {
    try {
      work();
    } catch (const std::bad_alloc&) {
      failure_ = "out of memory";
    } catch (...) {
      failure_ = "an unknown error";
    }
  }

  const char* failure() const { return failure_; }

  // What the caller gets; null where Node refuses it.
  virtual napi_value result(napi_env env) {
    napi_value nothing = nullptr;
    return napi_get_undefined(env, &nothing) == napi_ok ? nothing : nullptr;
  }

  // Takes a promise, which is kept when the work is done; the arguments live until then.
  napi_value queue(napi_env env, const napi_value* arguments, size_t count) {
    for (size_t i = 0; i < count; i++) {
      if (!is_nothing(env, arguments[i])) check(napi_create_reference(env, arguments[i], 1, &held_[i]));
    }
    napi_value name, promise;
    check(napi_create_string_utf8(env, "roc4mllm pixels", NAPI_AUTO_LENGTH, &name));
    check(napi_create_async_work(
        env, nullptr, name, [](napi_env, void* given) { static_cast<Task*>(given)->run(); }, finish, this, &queued_));
    check(napi_create_promise(env, &deferred_, &promise));
    check(napi_queue_async_work(env, queued_));
    return promise;
  }

  void release(napi_env env) {
    for (napi_ref held : held_) {
      if (held) napi_delete_reference(env, held);
    }
    if (queued_) napi_delete_async_work(env, queued_);
    delete this;
  }

 private:
  virtual void work() = 0;

  static void finish(napi_env env, napi_status status, void* given) {
    Task* task = static_cast<Task*>(given);
    const char* failure = status == napi_cancelled ? "cancelled" : task->failure_;
    napi_value result = failure ? nullptr : task->result(env);
    if (result) {
      napi_resolve_deferred(env, task->deferred_, result);
    } else {
      napi_value text = nullptr;
      if (napi_create_string_utf8(env, failure ? failure : "no result", NAPI_AUTO_LENGTH, &text) == napi_ok &&
          napi_create_error(env, nullptr, text, &result) == napi_ok) {
        napi_reject_deferred(env, task->deferred_, result);
      }
    }
    task->release(env);
  }

  const char* failure_ = nullptr;
  napi_ref held_[kArguments] = {};
  napi_deferred deferred_ = nullptr;
  napi_async_work queued_ = nullptr;
};

// Work that gives nothing but what it writes.
struct WritingTask : Task {
  std::function<void()> write;

 private:
  void work() override { write(); }
};

// How many of a JPEG's units are there.
struct JpegTask : Task {
  pixels::Jpeg jpeg;
  const uint8_t* bytes = nullptr;
  size_t length = 0;

  napi_value result(napi_env env) override {
    napi_value both = nullptr, all = nullptr, good = nullptr;
    const bool made = napi_create_array_with_length(env, 2, &both) == napi_ok &&
                      napi_create_double(env, units_.all, &all) == napi_ok &&
                      napi_create_double(env, units_.good, &good) == napi_ok &&
                      napi_set_element(env, both, 0, all) == napi_ok && napi_set_element(env, both, 1, good) == napi_ok;
    return made ? both : nullptr;
  }

 private:
  void work() override { units_ = pixels::count_units(jpeg, bytes, length); }

  pixels::JpegUnits units_;
};

// Where a JPEG's coded data ends.
struct ScanTask : Task {
  const uint8_t* bytes = nullptr;
  size_t length = 0, start = 0;

  napi_value result(napi_env env) override {
    napi_value number = nullptr;
    return napi_create_double(env, static_cast<double>(end_), &number) == napi_ok ? number : nullptr;
  }

 private:
  void work() override { end_ = pixels::end_of_scan(bytes, length, start); }

  size_t end_ = 0;
};

bool is_side(int64_t side) { return side > 0 && side <= kLongestSide; }

// Whether nothing is read or written beside what was given.
void check_steps(const Steps& s, size_t bytes, size_t pixels) {
  check(is_side(s.width) && is_side(s.height) && is_side(s.to_width) && is_side(s.to_height), "a side is out of range");
  check(is_side(s.canvas_width) && is_side(s.canvas_height), "a side of the canvas is out of range");
  check(s.orientation >= 1 && s.orientation <= 8, "the orientation is none of 1 to 8");
  const bool swapped = s.orientation >= 5;
  const int64_t width = swapped ? s.height : s.width, height = swapped ? s.width : s.height;
  check(is_side(s.first_width) && is_side(s.first_height) && (s.first_width == width || s.first_height == height),
        "the first resize changes both sides");
  check(s.left >= 0 && s.top >= 0 && static_cast<int64_t>(s.left) + s.first_width <= s.canvas_width &&
            static_cast<int64_t>(s.top) + s.first_height <= s.canvas_height,
        "the picture is not on its canvas");
  check(is_side(s.window_width) && is_side(s.window_height) && s.window_left >= 0 && s.window_top >= 0 &&
            static_cast<int64_t>(s.window_left) + s.window_width <= s.to_width &&
            static_cast<int64_t>(s.window_top) + s.window_height <= s.to_height,
        "the window is not inside of the result");
  for (const int32_t level : {s.red, s.green, s.blue}) check(level >= 0 && level <= 255, "a colour is out of range");
  check(bytes == static_cast<size_t>(s.width) * s.height * 3, "the picture has other bytes than its size says");
  check(pixels == static_cast<size_t>(s.window_width) * s.window_height * 3, "the room for pixels has another size");
  check(s.threads >= 1, "threads are at least 1");
  check(s.kernel >= 0 && static_cast<size_t>(s.kernel) < pixels::kernels().size(), "there is no such kernel");
}

// Reads as many arguments as there is room for.
template <size_t count>
void read_arguments(napi_env env, napi_callback_info info, napi_value (&arguments)[count]) {
  static_assert(count <= kArguments);
  size_t given = count;
  check(napi_get_cb_info(env, info, &given, arguments, nullptr, nullptr));
  check(given == count, "the number of arguments is wrong");
}

// A struct of whole numbers.
template <typename T>
T read_struct(napi_env env, napi_value value) {
  const auto numbers = elements<int32_t>(env, value, napi_int32_array, "the steps are no Int32Array");
  check(numbers.length * sizeof(int32_t) == sizeof(T), "the steps have another length");
  T read;
  std::memcpy(&read, numbers.data, sizeof(T));
  return read;
}

void read_picture(napi_env env, napi_callback_info info, WritingTask& task, napi_value (&arguments)[3]) {
  read_arguments(env, info, arguments);
  const auto steps = read_struct<Steps>(env, arguments[0]);
  const auto data = elements<uint8_t>(env, arguments[1], napi_uint8_array, "the picture is no Uint8Array");
  const auto out = elements<uint8_t>(env, arguments[2], napi_uint8_array, "the pixels are no Uint8Array");
  check_steps(steps, data.length, out.length);
  task.write = [=] { pixels::run(steps, data.data, out.data); };
}

napi_value throw_failure(napi_env env, const char* message) {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && !pending) napi_throw_error(env, nullptr, message);
  return nullptr;
}

// A list of numbers, read one by one.
class Numbers {
 public:
  explicit Numbers(Elements<int32_t> numbers) : numbers_(numbers) {}

  int32_t next(int32_t least, int32_t most) {
    check(at_ < numbers_.length, "the description of a JPEG ends early");
    const int32_t number = numbers_.data[at_++];
    check(number >= least && number <= most, "the description of a JPEG holds a number out of range");
    return number;
  }

 private:
  Elements<int32_t> numbers_;
  size_t at_ = 0;
};

constexpr int32_t kAny = std::numeric_limits<int32_t>::max();

// As src/image/jpeg-loss.ts describes it.
void read_jpeg(Numbers numbers, Elements<uint8_t> symbols, size_t file, pixels::Jpeg& jpeg) {
  jpeg.progressive = numbers.next(0, 1) == 1;
  jpeg.width = numbers.next(0, 0xffff);
  jpeg.height = numbers.next(0, 0xffff);
  for (int32_t i = numbers.next(0, 255); i > 0; i--) {
    const int id = numbers.next(0, 255), h = numbers.next(1, 15), v = numbers.next(1, 15);
    jpeg.components.push_back({id, h, v});
  }
  for (int32_t i = numbers.next(0, kAny); i > 0; i--) {
    const size_t start = numbers.next(0, kAny), length = numbers.next(0, kAny);
    check(start + length <= symbols.length, "a table is not in its list");
    jpeg.specs.emplace_back(symbols.data + start, symbols.data + start + length);
  }
  const int32_t components = static_cast<int32_t>(jpeg.components.size()) - 1;
  const int32_t specs = static_cast<int32_t>(jpeg.specs.size()) - 1;
  for (int32_t i = numbers.next(0, kAny); i > 0; i--) {
    pixels::JpegScan scan;
    for (int32_t part = numbers.next(0, 255); part > 0; part--) {
      const int component = numbers.next(0, components), dc = numbers.next(-1, specs), ac = numbers.next(-1, specs);
      scan.parts.push_back({component, dc, ac});
    }
    scan.from = numbers.next(0, 255);
    scan.to = numbers.next(0, 255);
    scan.high = numbers.next(0, 15);
    scan.interval = numbers.next(0, 0xffff);
    scan.start = numbers.next(0, kAny);
    scan.end = numbers.next(0, kAny);
    check(scan.start <= scan.end && scan.end <= file, "a scan is not in its file");
    jpeg.scans.push_back(std::move(scan));
  }
}

template <typename Body>
napi_value guarded(napi_env env, Task* task, const Body& body) {
  if (!task) return throw_failure(env, "out of memory");
  try {
    return body();
  } catch (const Failure& failure) {
    task->release(env);
    return throw_failure(env, failure.message);
  } catch (const std::bad_alloc&) {
    task->release(env);
    return throw_failure(env, "out of memory");
  }
}

napi_value run_now(napi_env env, napi_callback_info info) {
  auto* task = new (std::nothrow) WritingTask;
  return guarded(env, task, [&]() -> napi_value {
    napi_value arguments[3];
    read_picture(env, info, *task, arguments);
    task->run();
    if (task->failure()) throw Failure{task->failure()};
    task->release(env);
    return nullptr;
  });
}

napi_value run_later(napi_env env, napi_callback_info info) {
  auto* task = new (std::nothrow) WritingTask;
  return guarded(env, task, [&] {
    napi_value arguments[3];
    read_picture(env, info, *task, arguments);
    return task->queue(env, arguments, 3);
  });
}

// The pictures of a list, each of `length` bytes.
std::vector<const uint8_t*> read_pictures(napi_env env, napi_value list, size_t wanted, size_t length) {
  uint32_t count = 0;
  check(napi_get_array_length(env, list, &count));
  check(count == wanted, "there is not a picture for each frame");
  std::vector<const uint8_t*> pictures;
  for (uint32_t i = 0; i < count; i++) {
    napi_value one;
    check(napi_get_element(env, list, i, &one));
    const auto bytes = elements<uint8_t>(env, one, napi_uint8_array, "a picture is no Uint8Array");
    check(bytes.length == length, "a picture has other bytes than its size says");
    pictures.push_back(bytes.data);
  }
  return pictures;
}

napi_value lay_out(napi_env env, napi_callback_info info) {
  auto* task = new (std::nothrow) WritingTask;
  return guarded(env, task, [&]() -> napi_value {
    napi_value arguments[4];
    read_arguments(env, info, arguments);
    const auto form = read_struct<Form>(env, arguments[0]);
    check(is_side(form.width) && is_side(form.height), "a side is out of range");
    check(form.layout >= Layout::kPlanar && form.layout <= Layout::kInterleaved, "there is no such layout");
    for (const int32_t cut : {form.patch, form.merge, form.frames}) check(cut >= 1 && cut <= 4096, "there are no such patches");
    const bool patches = form.layout == Layout::kPatches;
    check(patches || (form.patch == 1 && form.merge == 1 && form.frames == 1), "only patches have cuts");
    const int block = form.patch * form.merge;
    check(form.width % block == 0 && form.height % block == 0, "the picture does not divide into blocks");
    check(form.threads >= 1, "threads are at least 1");
    const size_t bytes = static_cast<size_t>(form.width) * form.height * 3;
    const auto pictures = read_pictures(env, arguments[1], form.frames, bytes);
    const auto tables = elements<float>(env, arguments[2], napi_float32_array, "the tables are no Float32Array");
    const auto values = elements<float>(env, arguments[3], napi_float32_array, "the values are no Float32Array");
    check(tables.length == 3 * 256, "the tables have another size");
    check(values.length == bytes * form.frames, "the room for values has another size");
    task->write = [&] { pixels::lay_out(form, pictures.data(), tables.data, values.data); };
    task->run();
    if (task->failure()) throw Failure{task->failure()};
    task->release(env);
    return nullptr;
  });
}

napi_value to_srgb(napi_env env, napi_callback_info info) {
  auto* task = new (std::nothrow) WritingTask;
  return guarded(env, task, [&] {
    napi_value arguments[5];
    read_arguments(env, info, arguments);
    const auto samples = elements<uint16_t>(env, arguments[0], napi_uint16_array, "the samples are no Uint16Array");
    const auto curves = elements<float>(env, arguments[1], napi_float32_array, "the curves are no Float32Array");
    const auto matrix = is_nothing(env, arguments[2])
                            ? Elements<double>{}
                            : elements<double>(env, arguments[2], napi_float64_array, "the matrix is no Float64Array");
    const auto codes = elements<uint8_t>(env, arguments[3], napi_uint8_array, "the codes are no Uint8Array");
    const auto out = elements<uint8_t>(env, arguments[4], napi_uint8_array, "the pixels are no Uint8Array");
    const int channels = matrix.data ? 3 : 1;
    check(matrix.length == (matrix.data ? 9 : 0), "the matrix has another size");
    check(curves.length == channels * pixels::kLevels && codes.length == pixels::kLevels, "the tables have another size");
    const size_t count = samples.length / channels;
    check(samples.length == count * channels && out.length == count * 3, "the room for pixels has another size");
    const pixels::Profile profile{channels, curves.data, matrix.data, codes.data};
    task->write = [=] { pixels::to_srgb(samples.data, count, profile, pixels::usable_threads(), out.data); };
    return task->queue(env, arguments, 5);
  });
}

napi_value to_eight_bits(napi_env env, napi_callback_info info) {
  auto* task = new (std::nothrow) WritingTask;
  return guarded(env, task, [&] {
    napi_value arguments[2];
    read_arguments(env, info, arguments);
    const auto samples = elements<uint16_t>(env, arguments[0], napi_uint16_array, "the samples are no Uint16Array");
    const auto out = elements<uint8_t>(env, arguments[1], napi_uint8_array, "the pixels are no Uint8Array");
    check(samples.length == out.length, "the room for pixels has another size");
    task->write = [=] { pixels::to_eight_bits(samples.data, out.length, pixels::usable_threads(), out.data); };
    return task->queue(env, arguments, 2);
  });
}

napi_value copy_bytes(napi_env env, napi_callback_info info) {
  auto* task = new (std::nothrow) WritingTask;
  return guarded(env, task, [&] {
    napi_value arguments[2];
    read_arguments(env, info, arguments);
    const auto from = elements<uint8_t>(env, arguments[0], napi_uint8_array, "the source is no Uint8Array");
    const auto to = elements<uint8_t>(env, arguments[1], napi_uint8_array, "the target is no Uint8Array");
    check(from.length <= to.length, "the target is too small");
    task->write = [=] { pixels::copy_bytes(from.data, from.length, pixels::usable_threads(), to.data); };
    return task->queue(env, arguments, 2);
  });
}

napi_value count_units(napi_env env, napi_callback_info info) {
  auto* task = new (std::nothrow) JpegTask;
  return guarded(env, task, [&] {
    napi_value arguments[3];
    read_arguments(env, info, arguments);
    const auto numbers = elements<int32_t>(env, arguments[0], napi_int32_array, "the description is no Int32Array");
    const auto symbols = elements<uint8_t>(env, arguments[1], napi_uint8_array, "the tables are no Uint8Array");
    const auto bytes = elements<uint8_t>(env, arguments[2], napi_uint8_array, "the file is no Uint8Array");
    read_jpeg(Numbers(numbers), symbols, bytes.length, task->jpeg);
    task->bytes = bytes.data;
    task->length = bytes.length;
    return task->queue(env, arguments, 3);
  });
}

// A library that will be loaded, with all that it needs. Where it does not load, whoever loads it then is told why.
struct LibraryTask : Task {
  std::string path;

 private:
  void work() override { dlopen(path.c_str(), RTLD_LAZY); }
};

napi_value preload(napi_env env, napi_callback_info info) {
  auto* task = new (std::nothrow) LibraryTask;
  return guarded(env, task, [&] {
    napi_value path[1];
    read_arguments(env, info, path);
    size_t length = 0;
    check(napi_get_value_string_utf8(env, path[0], nullptr, 0, &length));
    task->path.resize(length);
    check(napi_get_value_string_utf8(env, path[0], task->path.data(), length + 1, &length));
    return task->queue(env, nullptr, 0);
  });
}

// Ends the process: neither Node nor libtorch is taken apart, which the system does in no time.
napi_value end(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value given = nullptr;
  int32_t code = 1;
  if (napi_get_cb_info(env, info, &count, &given, nullptr, nullptr) == napi_ok) napi_get_value_int32(env, given, &code);
  _exit(code);
}

napi_value end_of_scan(napi_env env, napi_callback_info info) {
  auto* task = new (std::nothrow) ScanTask;
  return guarded(env, task, [&] {
    napi_value arguments[2];
    read_arguments(env, info, arguments);
    const auto bytes = elements<uint8_t>(env, arguments[0], napi_uint8_array, "the file is no Uint8Array");
    int64_t start = 0;
    check(napi_get_value_int64(env, arguments[1], &start));
    check(start >= 0, "the start is before the file");
    task->bytes = bytes.data;
    task->length = bytes.length;
    task->start = static_cast<size_t>(start);
    return task->queue(env, arguments, 1);
  });
}

napi_value kernel_names(napi_env env, napi_callback_info) {
  napi_value names = nullptr, name = nullptr;
  if (napi_create_array(env, &names) != napi_ok) return nullptr;
  uint32_t i = 0;
  for (const pixels::NamedKernels& one : pixels::kernels()) {
    if (napi_create_string_utf8(env, one.name, NAPI_AUTO_LENGTH, &name) != napi_ok) return nullptr;
    if (napi_set_element(env, names, i++, name) != napi_ok) return nullptr;
  }
  return names;
}

napi_value threads(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  return napi_create_int32(env, pixels::usable_threads(), &result) == napi_ok ? result : nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"run", nullptr, run_now, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"runAsync", nullptr, run_later, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"layOut", nullptr, lay_out, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"toSrgb", nullptr, to_srgb, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"toEightBits", nullptr, to_eight_bits, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"copyBytes", nullptr, copy_bytes, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"countJpegUnits", nullptr, count_units, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"end", nullptr, end, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"preload", nullptr, preload, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"endOfJpegScan", nullptr, end_of_scan, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"kernels", nullptr, kernel_names, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"threads", nullptr, threads, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  return napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions) == napi_ok ? exports : nullptr;
}
