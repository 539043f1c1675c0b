// Node-API binding of the core. Handles are externals; each function checks what it is given and throws on misuse.
// Evaluation, and what encryption does without a key: no function takes or returns a secret key. Nothing is global but
// constants, so that every worker thread can load it.
#include <node_api.h>

#include <optional>
#include <string>
#include <vector>

#include "core/accumulator.hpp"
#include "core/message.hpp"
#include "core/mod_switch.hpp"

#ifndef FHE_SOURCE_HASH
#define FHE_SOURCE_HASH "unknown"
#endif

namespace {

using namespace fhe;

struct Misuse {
  const char* message;
};

// What an external holds. `free` empties it; the garbage collector destroys what is left.
template <typename T>
struct Handle {
  static constexpr u64 kind = T::kind;
  u64 magic = kind;
  std::optional<T> value;
};

struct RingHandle {
  static constexpr u64 kind = 0x676e697268666f63;
  std::shared_ptr<const Ring> ring;
};
struct BatchHandle {
  static constexpr u64 kind = 0x6374616268666f63;
  Batch batch;
};
struct AccumulatorHandle {
  static constexpr u64 kind = 0x6d75636368666f63;
  Accumulator accumulator;
};
struct ModSwitchHandle {
  static constexpr u64 kind = 0x6863777368666f63;
  ModSwitch mod_switch;
};

struct MessageHandle {
  static constexpr u64 kind = 0x7373656d68666f63;
  MessageTransform transform;
};

void check(napi_status status) {
  if (status != napi_ok) throw Misuse{"wrong kind of argument"};
}

// The arguments of one call.
class Call {
 public:
  static constexpr std::size_t most = 16;
  Call(napi_env env, napi_callback_info info) : env(env) {
    std::size_t count = most;
    check(napi_get_cb_info(env, info, &count, values_, nullptr, nullptr));
  }

  std::size_t size(int i) const {
    double number;
    check(napi_get_value_double(env, values_[i], &number));
    if (!(number >= 0 && number <= 9007199254740991.0) || number != static_cast<double>(static_cast<u64>(number)))
      throw Misuse{"not a count"};
    return static_cast<std::size_t>(number);
  }
  unsigned degree(int i) const {
    const std::size_t degree = size(i);
    if (degree != 1 && degree != 2) throw Misuse{"degree is 1 or 2"};
    return static_cast<unsigned>(degree);
  }
  bool flag(int i) const {
    bool value;
    check(napi_get_value_bool(env, values_[i], &value));
    return value;
  }
  std::string text(int i) const {
    char buffer[64];
    std::size_t length;
    check(napi_get_value_string_utf8(env, values_[i], buffer, sizeof buffer, &length));
    return std::string(buffer, length);
  }
  // A typed array's elements; T decides which kind is taken.
  template <typename T>
  std::pair<T*, std::size_t> array(int i, napi_typedarray_type wanted) const {
    napi_typedarray_type type;
    std::size_t length, offset;
    void* data;
    napi_value buffer;
    check(napi_get_typedarray_info(env, values_[i], &type, &length, &data, &buffer, &offset));
    if (type != wanted) throw Misuse{"wrong kind of array"};
    return {static_cast<T*>(data), length};
  }
  bool is_array(int i, napi_typedarray_type wanted) const {
    napi_typedarray_type type;
    check(napi_get_typedarray_info(env, values_[i], &type, nullptr, nullptr, nullptr, nullptr));
    return type == wanted;
  }
  std::pair<u8*, std::size_t> bytes(int i) const { return array<u8>(i, napi_uint8_array); }

  template <typename T>
  T& handle(int i) const {
    return from<T>(values_[i]);
  }
  template <typename T>
  T& from(napi_value value) const {
    Handle<T>& handle = whole<T>(value);
    if (!handle.value) throw Misuse{"used after free"};
    return *handle.value;
  }
  template <typename T>
  Handle<T>& whole(napi_value value) const {
    void* data = nullptr;
    check(napi_get_value_external(env, value, &data));
    auto* handle = static_cast<Handle<T>*>(data);
    if (handle == nullptr || handle->magic != T::kind) throw Misuse{"another kind of handle"};
    return *handle;
  }
  napi_value value(int i) const { return values_[i]; }

  std::vector<napi_value> list(int i) const {
    u32 length;
    check(napi_get_array_length(env, values_[i], &length));
    std::vector<napi_value> values(length);
    for (u32 k = 0; k < length; ++k) check(napi_get_element(env, values_[i], k, &values[k]));
    return values;
  }
  bool is_null(napi_value value) const {
    napi_valuetype type;
    check(napi_typeof(env, value, &type));
    return type == napi_null;
  }

  template <typename T>
  napi_value give(T value) const {
    auto* handle = new Handle<T>{T::kind, std::move(value)};
    napi_value external;
    const auto destroy = [](napi_env, void* data, void*) { delete static_cast<Handle<T>*>(data); };
    if (napi_create_external(env, handle, destroy, nullptr, &external) != napi_ok) {
      delete handle;
      throw Misuse{"no external"};
    }
    return external;
  }
  napi_value number(double value) const {
    napi_value out;
    check(napi_create_double(env, value, &out));
    return out;
  }
  napi_value fault(Fault fault) const { return number(static_cast<int>(fault)); }
  napi_value string(const char* text) const {
    napi_value out;
    check(napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &out));
    return out;
  }
  napi_value nothing() const {
    napi_value out;
    check(napi_get_undefined(env, &out));
    return out;
  }

  // Six arguments from `first` on: seed, stream indexes, rows, row stride, payload offset, ciphertexts per row.
  SeededRows rows(int first) const {
    const auto [seed, seed_length] = bytes(first);
    const auto [indexes, count] = array<u32>(first + 1, napi_uint32_array);
    const auto [data, length] = bytes(first + 2);
    if (seed_length != seed_bytes) throw Misuse{"a seed has 32 bytes"};
    return {seed, indexes, count, data, length, size(first + 3), size(first + 4), size(first + 5)};
  }

  napi_env env;

 private:
  napi_value values_[most] = {};
};

template <napi_value (*function)(const Call&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return function(Call(env, info));
  } catch (const Misuse& misuse) {
    napi_throw_type_error(env, nullptr, misuse.message);
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, nullptr, "no memory left");
  }
  return nullptr;
}

// () -> names of the levels that this CPU has, best first
napi_value levels(const Call& call) {
  napi_value out;
  check(napi_create_array(call.env, &out));
  u32 at = 0;
  for (const char* name : {"avx512", "avx2", "portable"})
    if (find_kernels(name) != nullptr) check(napi_set_element(call.env, out, at++, call.string(name)));
  return out;
}

// () -> whether the process has AES
napi_value has_cipher(const Call& call) {
  napi_value out;
  check(napi_get_boolean(call.env, find_cipher() != nullptr, &out));
  return out;
}

napi_value source_hash(const Call& call) { return call.string(FHE_SOURCE_HASH); }

// (level, n, primes: BigUint64Array) -> ring
napi_value ring(const Call& call) {
  const auto [primes, count] = call.array<u64>(2, napi_biguint64_array);
  auto made = make_ring(find_kernels(call.text(0).c_str()), call.size(1), primes, count);
  if (made == nullptr) throw Misuse{"no such level, or parameters out of range"};
  return call.give(RingHandle{std::move(made)});
}

// (ring) -> name of the level that computes in it
napi_value ring_level(const Call& call) { return call.string(call.handle<RingHandle>(0).ring->kernels->name); }

// (ring, ...rows, ciphertext, first, count) -> batch or fault
napi_value batch_expand(const Call& call) {
  std::optional<Batch> batch;
  const Fault fault =
      expand(call.handle<RingHandle>(0).ring, call.rows(1), call.size(7), call.size(8), call.size(9), batch);
  return fault == Fault::none ? call.give(BatchHandle{std::move(*batch)}) : call.fault(fault);
}

// (ring, packed, degree) -> batch or fault
napi_value batch_load(const Call& call) {
  std::optional<Batch> batch;
  const auto [packed, bytes] = call.bytes(1);
  const Fault fault = load(call.handle<RingHandle>(0).ring, packed, bytes, call.degree(2), batch);
  return fault == Fault::none ? call.give(BatchHandle{std::move(*batch)}) : call.fault(fault);
}

// (batch) -> ciphertexts in it
napi_value batch_count(const Call& call) {
  return call.number(static_cast<double>(call.handle<BatchHandle>(0).batch.count));
}

template <typename T>
napi_value free_handle(const Call& call) {
  call.whole<T>(call.value(0)).value.reset();
  return call.nothing();
}

// (ring, degree) -> accumulator
napi_value accumulator(const Call& call) {
  return call.give(AccumulatorHandle{Accumulator(call.handle<RingHandle>(0).ring, call.degree(1))});
}

Accumulator& accumulator_of(const Call& call) { return call.handle<AccumulatorHandle>(0).accumulator; }

// (accumulator, batch, first, count, subtract) -> fault
napi_value accumulator_add(const Call& call) {
  return call.fault(accumulator_of(call).add(call.handle<BatchHandle>(1).batch, call.size(2), call.size(3), call.flag(4)));
}

// (accumulator, batch, first, weights: Float64Array of integers) -> fault
napi_value accumulator_add_scaled(const Call& call) {
  const auto [weights, count] = call.array<double>(3, napi_float64_array);
  std::vector<std::int64_t> integers(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!(weights[i] >= -9007199254740991.0 && weights[i] <= 9007199254740991.0)) throw Misuse{"weight out of range"};
    integers[i] = static_cast<std::int64_t>(weights[i]);
    if (static_cast<double>(integers[i]) != weights[i]) throw Misuse{"a weight is an integer"};
  }
  return call.fault(accumulator_of(call).add_scaled(call.handle<BatchHandle>(1).batch, call.size(2), integers.data(), count));
}

// (accumulator, left, leftFirst, right, rightFirst, count) -> fault
napi_value accumulator_add_products(const Call& call) {
  return call.fault(accumulator_of(call).add_products(call.handle<BatchHandle>(1).batch, call.size(2),
                                                      call.handle<BatchHandle>(3).batch, call.size(4), call.size(5)));
}

// (ring, ...rows, first, count, ciphertexts: Uint32Array, accumulators: handle[], weights: (handle | null)[],
//  weightsFirst: Float64Array) -> fault
napi_value accumulate_rows(const Call& call) {
  const auto [ciphertexts, count] = call.array<u32>(9, napi_uint32_array);
  const auto accumulators = call.list(10), weights = call.list(11);
  const auto [firsts, first_count] = call.array<double>(12, napi_float64_array);
  if (accumulators.size() != count || weights.size() != count || first_count != count) throw Misuse{"uneven terms"};
  std::vector<Term> terms;
  for (std::size_t t = 0; t < count; ++t) {
    const Batch* batch = call.is_null(weights[t]) ? nullptr : &call.from<BatchHandle>(weights[t]).batch;
    if (!(firsts[t] >= 0 && firsts[t] < 1e15)) throw Misuse{"not a count"};
    terms.push_back({ciphertexts[t], &call.from<AccumulatorHandle>(accumulators[t]).accumulator, batch,
                     static_cast<std::size_t>(firsts[t])});
  }
  return call.fault(accumulate(*call.handle<RingHandle>(0).ring, call.rows(1), call.size(7), call.size(8),
                               terms.data(), terms.size()));
}

// (accumulator, out: Uint8Array)
napi_value accumulator_store(const Call& call) {
  Accumulator& sum = accumulator_of(call);
  const auto [out, bytes] = call.bytes(1);
  if (bytes != sum.ring().packed_bytes(sum.degree())) throw Misuse{"the output has another size"};
  sum.store(out);
  return call.nothing();
}

// (ring, plainModulus as BigUint64Array of one) -> mod switch, or null where no prime can be dropped
napi_value mod_switch(const Call& call) {
  const auto [plain, count] = call.array<u64>(1, napi_biguint64_array);
  if (count != 1) throw Misuse{"one modulus"};
  auto made = ModSwitch::make(call.handle<RingHandle>(0).ring, plain[0]);
  if (made) return call.give(ModSwitchHandle{std::move(*made)});
  napi_value null;
  check(napi_get_null(call.env, &null));
  return null;
}

// (mod switch, packed, degree, out) -> fault
napi_value mod_switch_run(const Call& call) {
  const ModSwitch& chosen = call.handle<ModSwitchHandle>(0).mod_switch;
  const auto [packed, bytes] = call.bytes(1);
  const auto [out, out_bytes] = call.bytes(3);
  if (out_bytes != chosen.out_bytes(call.degree(2))) throw Misuse{"the output has another size"};
  return call.fault(chosen.run(packed, bytes, call.degree(2), out));
}

// (ring, plainModulus as BigUint64Array of one) -> message transform
napi_value message_transform(const Call& call) {
  const auto [plain, count] = call.array<u64>(1, napi_biguint64_array);
  if (count != 1) throw Misuse{"one modulus"};
  auto made = MessageTransform::make(call.handle<RingHandle>(0).ring, plain[0]);
  if (!made) throw Misuse{"no transform for these parameters"};
  return call.give(MessageHandle{std::move(*made)});
}

// (message transform, coefficients: Uint32Array | Float64Array, out: BigUint64Array) -> fault
napi_value message_transform_run(const Call& call) {
  const MessageTransform& transform = call.handle<MessageHandle>(0).transform;
  const auto [out, words] = call.array<u64>(2, napi_biguint64_array);
  if (words != transform.out_words()) throw Misuse{"the output has another size"};
  const auto run = [&](const auto& given) { return call.fault(transform.run(given.first, given.second, out)); };
  return call.is_array(1, napi_float64_array) ? run(call.array<double>(1, napi_float64_array))
                                              : run(call.array<u32>(1, napi_uint32_array));
}

// (ring, seed, streamIndex, ciphertext, out: BigUint64Array) -> fault
napi_value mask_expand(const Call& call) {
  const Ring& ring = *call.handle<RingHandle>(0).ring;
  const auto [seed, seed_length] = call.bytes(1);
  const std::size_t stream_index = call.size(2), ciphertext = call.size(3);
  const auto [out, words] = call.array<u64>(4, napi_biguint64_array);
  if (seed_length != seed_bytes) throw Misuse{"a seed has 32 bytes"};
  if (stream_index > 0xffffffff || ciphertext > 0xffff) throw Misuse{"no such place"};
  if (words != ring.n * ring.primes.size()) throw Misuse{"the output has another size"};
  return call.fault(expand_mask(ring, seed, static_cast<u32>(stream_index), static_cast<u32>(ciphertext), out));
}

// (batch) -> a sum of all words, read four rows at a time and nothing else: measures what memory gives
napi_value batch_read(const Call& call) {
  const Batch& batch = call.handle<BatchHandle>(0).batch;
  const std::size_t each = batch.ciphertext_words();
  u64 sum = 0;
  for (std::size_t row = 0; row + 4 <= batch.count; row += 4) {
    const u64* at = batch.words.data() + row * each;
    const u64* const streams[4] = {at, at + each, at + 2 * each, at + 3 * each};
    sum += batch.ring->kernels->read(streams, each);
  }
  return call.number(static_cast<double>(sum >> 12));
}

using Function = napi_value (*)(napi_env, napi_callback_info);

napi_value initialise(napi_env env, napi_value exports) {
  const struct {
    const char* name;
    Function function;
  } functions[] = {
      {"levels", guarded<levels>},
      {"hasCipher", guarded<has_cipher>},
      {"sourceHash", guarded<source_hash>},
      {"ring", guarded<ring>},
      {"ringLevel", guarded<ring_level>},
      {"batchExpand", guarded<batch_expand>},
      {"batchLoad", guarded<batch_load>},
      {"batchCount", guarded<batch_count>},
      {"batchFree", guarded<free_handle<BatchHandle>>},
      {"batchRead", guarded<batch_read>},
      {"accumulator", guarded<accumulator>},
      {"accumulatorAdd", guarded<accumulator_add>},
      {"accumulatorAddScaled", guarded<accumulator_add_scaled>},
      {"accumulatorAddProducts", guarded<accumulator_add_products>},
      {"accumulatorStore", guarded<accumulator_store>},
      {"accumulatorFree", guarded<free_handle<AccumulatorHandle>>},
      {"accumulateRows", guarded<accumulate_rows>},
      {"modSwitch", guarded<mod_switch>},
      {"modSwitchRun", guarded<mod_switch_run>},
      {"messageTransform", guarded<message_transform>},
      {"messageTransformRun", guarded<message_transform_run>},
      {"maskExpand", guarded<mask_expand>},
  };
  for (const auto& [name, function] : functions) {
    napi_value value;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value) != napi_ok ||
        napi_set_named_property(env, exports, name, value) != napi_ok)
      return nullptr;
  }
  return exports;
}

}  // namespace

NAPI_MODULE_INIT() { return initialise(env, exports); }
