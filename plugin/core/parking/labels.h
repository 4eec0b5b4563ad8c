#pragma once
// Words that many entries share, each once: an entry holds a number of two octets.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mailpool::parking {

class Labels {
 public:
  using Number = std::uint16_t;
  static constexpr Number none = 0;

  /// The word's number, counted once more; none for "", and where there are 65,535 others.
  Number take(std::string_view word);
  /// One of those that take() counted.
  void give_back(Number number);
  /// "" of none. Good until the word's last number is given back.
  [[nodiscard]] std::string_view word_of(Number number) const;
  /// How many numbers of it are held.
  [[nodiscard]] std::size_t held(std::string_view word) const;

 private:
  struct Label {
    std::string word;
    std::size_t held = 0;
  };
  std::vector<Label> labels_{1};  ///< the first is that of none
  std::vector<Number> free_;
  std::map<std::string, Number, std::less<>> numbers_;
};

}  // namespace mailpool::parking
