#include "accumulator.hpp"

#include <algorithm>

namespace fhe {
namespace {

// Rows that one pass over a sum takes: more would fall on the same sets of the first-level cache.
constexpr std::size_t group = 8;

}  // namespace

Accumulator::Accumulator(std::shared_ptr<const Ring> ring, unsigned degree)
    : ring_(std::move(ring)), degree_(degree), sums_(ring_->pool, ring_->residue_polynomials(degree) * ring_->stride) {
  unsigned bits = 0;
  for (const Modulus& prime : ring_->primes) bits = std::max(bits, prime.bits);
  // Terms are below 2^bits each, or equal to a prime when subtracted.
  max_terms_ = (u64{1} << (64 - bits)) - 1;
  // The middle sum takes two products for each row.
  max_rows_ = ring_->kernels->max_products(bits) / 2;
  sums_.clear();
}

void Accumulator::reduce_sums() {
  const std::size_t count = ring_->primes.size();
  for (std::size_t k = 0; k <= degree_; ++k)
    for (std::size_t p = 0; p < count; ++p) ring_->kernels->reduce_sum(sum(k, p), ring_->n, ring_->primes[p]);
  terms_ = 1;
}

void Accumulator::reduce_products() {
  if (rows_ == 0) return;
  if (terms_ + 1 > max_terms_) reduce_sums();
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t p = 0; p < ring_->primes.size(); ++p)
      ring_->kernels->reduce_products(products(k, p), ring_->stride, sum(k, p), ring_->n, ring_->primes[p]);
  terms_ += 1;
  rows_ = 0;
}

void Accumulator::make_room(std::size_t terms) {
  if (terms_ + terms > max_terms_) reduce_sums();
  terms_ += terms;
}

void Accumulator::add_piece(std::size_t k, std::size_t prime, std::size_t at, const u64* const* rows, std::size_t count,
                            std::size_t length) {
  ring_->kernels->add(sum(k, prime) + at, rows, count, length);
}

Fault Accumulator::add(const Batch& terms, std::size_t first, std::size_t count, bool subtract) {
  if (terms.ring != ring_ || terms.degree != degree_ || first > terms.count || count > terms.count - first) return Fault::size;
  const u64* rows[group];
  for (std::size_t row = 0; row < count; row += group) {
    const std::size_t some = std::min(group, count - row);
    make_room(some);
    for (std::size_t k = 0; k <= degree_; ++k)
      for (std::size_t p = 0; p < ring_->primes.size(); ++p) {
        for (std::size_t r = 0; r < some; ++r) rows[r] = terms.polynomial(first + row + r, k, p);
        if (subtract) ring_->kernels->subtract(sum(k, p), rows, some, ring_->n, ring_->primes[p].q);
        else ring_->kernels->add(sum(k, p), rows, some, ring_->n);
      }
  }
  return Fault::none;
}

Fault Accumulator::add_scaled(const Batch& terms, std::size_t first, const std::int64_t* weights, std::size_t count) {
  if (terms.ring != ring_ || terms.degree != degree_ || first > terms.count || count > terms.count - first) return Fault::size;
  for (std::size_t row = 0; row < count; ++row) {
    if (weights[row] == 0) continue;
    make_room(1);
    for (std::size_t k = 0; k <= degree_; ++k)
      for (std::size_t p = 0; p < ring_->primes.size(); ++p) {
        const Modulus& prime = ring_->primes[p];
        const u64 size = prime.reduce(static_cast<u64>(weights[row] < 0 ? -weights[row] : weights[row]));
        const u64 weight = weights[row] < 0 && size != 0 ? prime.q - size : size;
        ring_->kernels->add_scaled(sum(k, p), terms.polynomial(first + row, k, p), weight, ring_->n, prime);
      }
  }
  return Fault::none;
}

void Accumulator::multiply_piece(std::size_t prime, std::size_t at, ProductPiece piece) {
  for (std::size_t k = 0; k < 3; ++k) piece.sums[k] = products(k, prime) + at;
  piece.plane_stride = ring_->stride;
  ring_->kernels->multiply(piece);
}

void Accumulator::make_product_room(std::size_t rows) {
  if (products_.size() == 0) {
    products_ = PooledWords(ring_->pool, 3 * ring_->primes.size() * ring_->kernels->planes * ring_->stride);
    products_.clear();
  }
  if (rows_ + rows > max_rows_) reduce_products();
  rows_ += rows;
}

Fault Accumulator::add_products(const Batch& left, std::size_t left_first, const Batch& right, std::size_t right_first,
                                std::size_t count) {
  if (left.ring != ring_ || right.ring != ring_) return Fault::size;
  if (degree_ != 2 || left.degree != 1 || right.degree != 1) return Fault::size;
  if (left_first > left.count || count > left.count - left_first) return Fault::size;
  if (right_first > right.count || count > right.count - right_first) return Fault::size;
  const u64 *c0[group], *c1[group], *d0[group], *d1[group];
  for (std::size_t row = 0; row < count; row += group) {
    const std::size_t some = std::min(group, count - row);
    make_product_room(some);
    for (std::size_t p = 0; p < ring_->primes.size(); ++p) {
      for (std::size_t r = 0; r < some; ++r) {
        c0[r] = left.polynomial(left_first + row + r, 0, p);
        c1[r] = left.polynomial(left_first + row + r, 1, p);
        d0[r] = right.polynomial(right_first + row + r, 0, p);
        d1[r] = right.polynomial(right_first + row + r, 1, p);
      }
      multiply_piece(p, 0, {{}, 0, c0, c1, d0, d1, some, ring_->n});
    }
  }
  return Fault::none;
}

void Accumulator::store(u8* out) {
  reduce_products();
  reduce_sums();
  for (std::size_t k = 0; k <= degree_; ++k)
    for (std::size_t p = 0; p < ring_->primes.size(); ++p) {
      ring_->kernels->pack(sum(k, p), out, ring_->n, ring_->primes[p].bits);
      out += ring_->n * ring_->primes[p].bits / 8;
    }
}

}  // namespace fhe
