// The same inputs every time, for machines without libFuzzer: `driver COUNT`.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../core/mask_stream.hpp"
#include "exercise.hpp"

int main(int count, char** arguments) {
  const long inputs = count > 1 ? std::atol(arguments[1]) : 1000;
  std::uint64_t state = 1;
  const auto next = [&state] {  // splitmix64
    std::uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  };
  for (long i = 0; i < inputs; ++i) {
    std::vector<std::uint8_t> input(next() % 4096);
    // Some inputs are all ones (largest residues), some mostly zeros (small, canonical ones), most anything.
    const std::uint64_t kind = next() % 4;
    for (auto& byte : input) byte = kind == 0 ? 0xff : kind == 1 && next() % 8 != 0 ? 0 : static_cast<std::uint8_t>(next());
    fhe::exercise(input.data(), input.size());
  }
  std::printf("%ld inputs, %s cipher\n", inputs, fhe::find_cipher() == nullptr ? "no" : "with");
}
