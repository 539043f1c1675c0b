#include "ntt.hpp"

namespace fhe {
namespace {

std::size_t reverse_bits(std::size_t value, unsigned bits) {
  std::size_t out = 0;
  for (unsigned i = 0; i < bits; ++i) out |= ((value >> i) & 1) << (bits - 1 - i);
  return out;
}

// The smallest primitive `order`-th root of unity (order a power of two), or 0.
u64 smallest_root(u64 order, const Modulus& modulus) {
  if ((modulus.q - 1) % order != 0) return 0;
  u64 root = 0;
  for (u64 candidate = 2; candidate < 1000 && root == 0; ++candidate) {
    const u64 power = modulus.power(candidate, (modulus.q - 1) / order);
    if (modulus.power(power, order / 2) == modulus.q - 1) root = power;
  }
  if (root == 0) return 0;
  // Every other primitive root is an odd power of this one.
  const u64 square = modulus.multiply(root, root);
  u64 least = root;
  for (u64 i = 0, current = root; i < order / 2; ++i, current = modulus.multiply(current, square))
    if (current < least) least = current;
  return least;
}

}  // namespace

std::optional<std::vector<Ntt>> Ntt::make_all(std::size_t n, const std::vector<Modulus>& primes, u64 plain_modulus) {
  if (plain_modulus < 3 || plain_modulus % 2 == 0) return std::nullopt;
  std::vector<Ntt> ntts;
  for (const Modulus& prime : primes) {
    std::optional<Ntt> ntt = make(n, prime);
    if (!ntt || plain_modulus >= prime.q) return std::nullopt;
    ntts.push_back(std::move(*ntt));
  }
  return ntts;
}

std::optional<Ntt> Ntt::make(std::size_t n, const Modulus& modulus) {
  const u64 psi = smallest_root(2 * n, modulus);
  if (psi == 0) return std::nullopt;
  return Ntt(n, modulus, psi);
}

Ntt::Ntt(std::size_t n, const Modulus& modulus, u64 psi) : n_(n), modulus_(modulus) {
  const auto with_shoup = [&](u64 value) { return Root{value, modulus.shoup64(value)}; };
  const unsigned bits = static_cast<unsigned>(std::bit_width(n)) - 1;
  const u64 psi_inverse = modulus.inverse(psi);
  for (std::vector<u64>* each : {&roots_.values, &roots_.shoup64, &roots_.shoup52}) each->resize(n);
  inverse_roots_.resize(n);
  u64 power = 1, inverse_power = 1;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t place = reverse_bits(i, bits);
    roots_.values[place] = power;
    roots_.shoup64[place] = modulus.shoup64(power);
    roots_.shoup52[place] = modulus.shoup52(power);
    inverse_roots_[place] = with_shoup(inverse_power);
    power = modulus.multiply(power, psi);
    inverse_power = modulus.multiply(inverse_power, psi_inverse);
  }
  n_inverse_ = with_shoup(modulus.inverse(modulus.reduce(static_cast<u64>(n))));
}

void Ntt::forward(const Kernels& kernels, u64* x) const {
  kernels.forward(x, n_, {roots_.values.data(), roots_.shoup64.data(), roots_.shoup52.data()}, modulus_);
}

void Ntt::inverse(u64* x) const {
  const u64 q = modulus_.q;
  for (std::size_t groups = n_ / 2, half = 1; groups >= 1; groups /= 2, half *= 2)
    for (std::size_t g = 0; g < groups; ++g) {
      const Root root = inverse_roots_[groups + g];
      u64 *a = x + 2 * g * half, *b = a + half;
      for (std::size_t i = 0; i < half; ++i) {
        const u64 u = a[i], v = b[i];
        a[i] = u + v >= q ? u + v - q : u + v;
        b[i] = modulus_.multiply_constant(u >= v ? u - v : u + q - v, root.value, root.shoup);
      }
    }
  for (std::size_t i = 0; i < n_; ++i) x[i] = modulus_.multiply_constant(x[i], n_inverse_.value, n_inverse_.shoup);
}

}  // namespace fhe
