#include "exercise.hpp"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../core/accumulator.hpp"
#include "../core/message.hpp"
#include "../core/mod_switch.hpp"

namespace fhe {
namespace {

class Input {
 public:
  Input(const u8* data, std::size_t size) : data_(data), size_(size) {}
  u64 word(unsigned bytes) {
    u64 value = 0;
    for (unsigned i = 0; i < bytes; ++i) value = value << 8 | (at_ < size_ ? data_[at_++] : 0);
    return value;
  }
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : word(4) % limit; }
  // Mostly what fits, sometimes anything at all.
  std::size_t hostile(std::size_t honest) {
    switch (word(1) % 8) {
      case 0: return word(8);
      case 1: return honest + below(3) - 1;
      case 2: return below(honest + 2);
      default: return honest;
    }
  }
  // A buffer of exactly that many bytes: what is left of the input, over and over.
  std::vector<u8> bytes(std::size_t count) {
    std::vector<u8> out(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = size_ == 0 ? 0 : data_[(at_ + i) % size_];
    out.shrink_to_fit();
    return out;
  }

 private:
  const u8* data_;
  std::size_t size_, at_ = 0;
};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "exercise: %s\n", what);
  std::abort();
}

const u64 usual_primes[] = {1125899906826241, 4398046240769, 4398046486529, 562949953548289, 65537 * 2 - 1};

struct Shape {
  std::size_t n;
  std::vector<u64> primes;
};

Shape shape_of(Input& in) {
  Shape shape{in.word(1) % 8 == 0 ? in.hostile(64) : std::size_t{64} << (in.word(1) % 3), {}};
  const std::size_t count = in.word(1) % 8 == 0 ? in.below(70) : 1 + in.below(3);
  for (std::size_t i = 0; i < count; ++i)
    shape.primes.push_back(in.word(1) % 2 == 0 ? usual_primes[in.below(5)] : (in.word(8) >> in.below(45)) | 1);
  return shape;
}

// Everything that one level makes of an input, in one string of bytes.
std::vector<u8> results(const Kernels* kernels, Input in) {
  std::vector<u8> out;
  const Shape shape = shape_of(in);
  auto ring = make_ring(kernels, shape.n, shape.primes.data(), shape.primes.size());
  out.push_back(ring != nullptr);
  if (ring == nullptr) return out;

  const auto store = [&](Accumulator& sum) {
    const std::size_t at = out.size(), size = ring->packed_bytes(sum.degree());
    std::vector<u8> packed(size);
    sum.store(packed.data());
    out.insert(out.end(), packed.begin(), packed.end());
    (void)at;
  };
  const auto note = [&](Fault fault) { out.push_back(static_cast<u8>(fault)); };

  const unsigned degree = 1 + static_cast<unsigned>(in.below(2));
  const std::vector<u8> packed = in.bytes(in.hostile(ring->packed_bytes(degree) * (1 + in.below(3))) % (1 << 16));
  std::optional<Batch> loaded;
  note(load(ring, packed.data(), packed.size(), degree, loaded));

  const std::size_t count = 1 + in.below(9), per_row = 1 + in.below(3);
  const std::size_t stride = per_row * ring->packed_polynomial_bytes() + in.below(40);
  const std::vector<u8> bytes = in.bytes(in.hostile(count * stride) % (1 << 18));
  std::vector<u32> indexes(count);
  for (u32& index : indexes) index = static_cast<u32>(in.word(4));
  const std::vector<u8> seed = in.bytes(seed_bytes);
  const SeededRows rows{seed.data(),      indexes.data(),           count,
                        bytes.data(),     bytes.size(),             in.hostile(stride),
                        in.hostile(stride - per_row * ring->packed_polynomial_bytes()), in.hostile(per_row)};
  std::optional<Batch> expanded;
  const std::size_t ciphertext = in.hostile(in.below(per_row)), first = in.hostile(in.below(count));
  const std::size_t some = in.hostile(count - (first < count ? first : 0));
  note(expand(ring, rows, ciphertext, first, some, expanded));

  Accumulator one(ring, 1), two(ring, 2);
  if (expanded) {
    note(one.add(*expanded, in.hostile(0), in.hostile(expanded->count), in.word(1) % 2 == 0));
    std::vector<std::int64_t> weights(in.below(4));
    for (std::int64_t& weight : weights) weight = static_cast<std::int64_t>(in.word(8)) >> in.below(60);
    note(one.add_scaled(*expanded, in.hostile(0), weights.data(), weights.size()));
    note(two.add_products(*expanded, in.hostile(0), *expanded, in.hostile(0), in.hostile(expanded->count)));
  }
  if (loaded) note((loaded->degree == 2 ? two : one).add(*loaded, 0, in.hostile(loaded->count), false));
  store(one);
  store(two);

  Accumulator three(ring, 1), four(ring, 2);
  const Term terms[] = {{in.hostile(0), &three, nullptr, 0},
                        {in.hostile(0), &four, expanded ? &*expanded : nullptr, in.hostile(0)}};
  const Fault fault = accumulate(*ring, rows, first, some, terms, 1 + in.below(2));
  note(fault);
  if (fault == Fault::none) {
    store(three);
    store(four);
  }

  const u64 plain = in.word(1) % 2 == 0 ? 12289 : in.word(5) | 1;
  if (const auto chosen = ModSwitch::make(ring, plain)) {
    std::vector<u8> switched(chosen->out_bytes(degree));
    note(chosen->run(packed.data(), packed.size(), degree, switched.data()));
    out.insert(out.end(), switched.begin(), switched.end());
  }

  std::vector<u64> residues(ring->n * ring->primes.size());
  const auto keep = [&] {
    const u8* first = reinterpret_cast<const u8*>(residues.data());
    out.insert(out.end(), first, first + residues.size() * sizeof(u64));
  };
  if (const auto transform = MessageTransform::make(ring, plain)) {
    std::vector<u32> whole(in.hostile(in.below(ring->n + 1)) % (2 * ring->n));
    for (u32& each : whole) each = static_cast<u32>(in.word(1) % 4 == 0 ? in.word(4) : in.below(plain));
    note(transform->run(whole.data(), whole.size(), residues.data()));
    keep();
    std::vector<double> doubles(in.below(ring->n + 1));
    for (double& each : doubles) each = std::bit_cast<double>(in.word(1) % 8 == 0 ? in.word(8) : u64{0});
    note(transform->run(doubles.data(), doubles.size(), residues.data()));
    keep();
  }
  note(expand_mask(*ring, seed.data(), static_cast<u32>(in.word(4)), static_cast<u32>(in.word(2)), residues.data()));
  keep();
  return out;
}

}  // namespace

void exercise(const u8* data, std::size_t size) {
  const std::vector<u8> expected = results(kernels_portable(), Input(data, size));
  for (const Kernels* level : {kernels_avx2(), kernels_avx512()})
    if (level != nullptr) require(results(level, Input(data, size)) == expected, level->name);
}

}  // namespace fhe
