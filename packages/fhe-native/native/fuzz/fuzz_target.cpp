// Coverage-guided: libFuzzer calls this.
#include "exercise.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fhe::exercise(data, size);
  return 0;
}
