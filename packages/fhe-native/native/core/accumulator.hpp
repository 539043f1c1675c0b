// Running sums. Everything is added up unreduced and reduced once: when the words are full, and when the sum is stored.
#pragma once
#include "ring.hpp"

namespace fhe {

class Accumulator {
 public:
  Accumulator(std::shared_ptr<const Ring> ring, unsigned degree);

  const Ring& ring() const { return *ring_; }
  unsigned degree() const { return degree_; }

  Fault add(const Batch& terms, std::size_t first, std::size_t count, bool subtract);
  // weights[i] times term first + i; |weight| below every prime.
  Fault add_scaled(const Batch& terms, std::size_t first, const std::int64_t* weights, std::size_t count);
  Fault add_products(const Batch& left, std::size_t left_first, const Batch& right, std::size_t right_first,
                     std::size_t count);

  // Pieces of polynomials, for `accumulate`: the caller has made room first.
  void make_room(std::size_t terms);
  void make_product_room(std::size_t rows);
  void add_piece(std::size_t k, std::size_t prime, std::size_t at, const u64* const* rows, std::size_t count,
                 std::size_t length);
  void multiply_piece(std::size_t prime, std::size_t at, ProductPiece piece);

  // Canonical residues, packed, to exactly packed_bytes(degree) bytes. The sum can be added to afterwards.
  void store(u8* out);

 private:
  u64* sum(std::size_t k, std::size_t prime) {
    return sums_.data() + (k * ring_->primes.size() + prime) * ring_->stride;
  }
  u64* products(std::size_t k, std::size_t prime) {
    return products_.data() + (k * ring_->primes.size() + prime) * ring_->kernels->planes * ring_->stride;
  }
  void reduce_products();
  void reduce_sums();

  std::shared_ptr<const Ring> ring_;
  unsigned degree_;
  PooledWords sums_;
  PooledWords products_;            // only once there was a product
  u64 max_terms_, terms_ = 0;  // canonical residues that a word of `sums_` holds, and may hold by now
  u64 max_rows_, rows_ = 0;    // the same of product rows
};

// One use of a row's ciphertext: added to a sum, or multiplied by a weight and then added.
struct Term {
  std::size_t ciphertext;
  Accumulator* into;
  const Batch* weights;  // null: no product
  std::size_t weights_first;
};

// Unpacks, expands and adds up rows first .. first + count - 1 piece by piece in the cache: expanded ciphertexts are
// never written to memory. Each term has a sum of its own. After a fault the accumulators hold nothing of use.
Fault accumulate(const Ring& ring, const SeededRows& rows, std::size_t first, std::size_t count, const Term* terms,
                 std::size_t term_count);

}  // namespace fhe
