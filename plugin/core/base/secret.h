#pragma once
// A password, token or key in memory: it cannot be printed, is compared in constant time, and is
// zeroed when it goes.

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace mailpool {

/// Overwrites with zeros, in a way that no compiler leaves out.
void wipe(void* memory, std::size_t octets);
/// The whole capacity of it; it is empty then.
void wipe(std::string& text);

/// Moves leave nothing behind; copies are made on purpose, by copy(). There is no operator<<, no
/// formatter and no conversion: what is inside is seen with reveal() only, where it is used.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  /// Takes the text over and zeroes the string.
  static Secret from(std::string&& text);
  ~Secret() { clear(); }
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(Secret const&) = delete;
  Secret& operator=(Secret const&) = delete;

  [[nodiscard]] std::string_view reveal() const { return {text_.get(), size_}; }
  [[nodiscard]] Secret copy() const { return Secret(reveal()); }
  [[nodiscard]] bool is_empty() const { return size_ == 0; }
  void clear();
  /// In constant time.
  [[nodiscard]] bool is(std::string_view other) const;

 private:
  std::unique_ptr<char[]> text_;
  std::size_t size_ = 0;
};

std::ostream& operator<<(std::ostream&, Secret const&) = delete;

}  // namespace mailpool
