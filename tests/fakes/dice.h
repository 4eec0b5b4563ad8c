#pragma once
// Chance that a test can repeat.

#include <cstdint>
#include <random>

#include "core/route/router.h"

namespace mailpool::fakes {

/// The same numbers in every run.
class Dice : public route::Random {
 public:
  explicit Dice(std::uint32_t seed = 1) : engine_(seed) {}
  std::uint32_t number(std::uint32_t below) override {
    return static_cast<std::uint32_t>(engine_() % below);
  }

 private:
  std::mt19937 engine_;
};

/// Shuffles nothing.
class NoChance : public route::Random {
 public:
  std::uint32_t number(std::uint32_t below) override { return below - 1; }
};

}  // namespace mailpool::fakes
