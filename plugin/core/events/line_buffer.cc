#include "core/events/line_buffer.h"

#include <algorithm>

namespace mailpool::events {
namespace {

std::size_t lines_in(std::string_view octets) {
  return static_cast<std::size_t>(std::count(octets.begin(), octets.end(), '\n'));
}

}  // namespace

bool LineBuffer::add(std::string_view line) {
  if (rest().size() + line.size() + 1 > most_octets_) return false;
  if (gone_ == octets_.size() || gone_ > most_octets_) {
    octets_.erase(0, gone_);
    gone_ = 0;
  }
  octets_.append(line).push_back('\n');
  return true;
}

std::size_t LineBuffer::wrote(std::size_t octets) {
  auto const written = rest().substr(0, octets);
  if (!written.empty()) is_in_a_line_ = written.back() != '\n';
  gone_ += written.size();
  return lines_in(written);
}

bool LineBuffer::begin_anew() {
  if (!is_in_a_line_) return false;
  is_in_a_line_ = false;
  gone_ = std::min(octets_.find('\n', gone_), octets_.size() - 1) + 1;
  return true;
}

std::size_t LineBuffer::clear() {
  auto const lost = lines_in(rest());
  octets_.clear();
  gone_ = 0;
  is_in_a_line_ = false;
  return lost;
}

}  // namespace mailpool::events
