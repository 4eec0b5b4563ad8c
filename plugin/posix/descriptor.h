#pragma once
// A file descriptor that closes itself.

#include <unistd.h>

#include <utility>

namespace mailpool::posix {

class Descriptor {
 public:
  Descriptor() = default;
  /// Takes it over; a negative number is none.
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = other.release();
    }
    return *this;
  }
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }
  /// The caller closes it.
  int release() { return std::exchange(number_, -1); }

 private:
  void close() {
    if (number_ >= 0) ::close(number_);
  }
  int number_ = -1;
};

}  // namespace mailpool::posix
