#pragma once
// Lines on their way to where they go octet by octet. However it is interrupted, nobody reads the
// half of a line as a line.

#include <cstddef>
#include <string>
#include <string_view>

namespace mailpool::events {

class LineBuffer {
 public:
  explicit LineBuffer(std::size_t most_octets) : most_octets_(most_octets) {}

  /// Without its line end. False: there is no room, and it is lost.
  [[nodiscard]] bool add(std::string_view line);
  /// What is to be written next.
  [[nodiscard]] std::string_view rest() const { return std::string_view(octets_).substr(gone_); }
  [[nodiscard]] bool is_empty() const { return gone_ == octets_.size(); }
  /// So many octets of rest() went out; returns how many lines they ended.
  std::size_t wrote(std::size_t octets);
  /// What follows goes elsewhere: a line that has begun is lost. Returns whether there was one.
  bool begin_anew();
  /// All of it is lost; returns how many lines that were.
  std::size_t clear();

 private:
  std::size_t most_octets_;
  std::string octets_;
  std::size_t gone_ = 0;       ///< of octets_: written
  bool is_in_a_line_ = false;  ///< what was written last did not end one
};

}  // namespace mailpool::events
