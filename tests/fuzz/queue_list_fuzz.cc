// What listens on public/showq says whatever it likes: the same in pieces as whole, within bounds,
// and only what could be an id of Postfix is remembered.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/parking/queue_list.h"

using namespace mailpool;
using namespace mailpool::parking;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct Read {
  std::vector<std::string> all;
  bool is_list = true;
  bool is_over = false;
};

void look_at(QueuedRecipient const& one) {
  (void)why_told(one.reason);
  require(one.arrived >= 0);
  Register entries(4);
  bool const is_kept =
      entries.park({one.queue_id, 0, "lane", {}, 100, Why::Limit, TimePoint{}}, TimePoint{});
  require(is_kept == is_wakeable_id(one.queue_id));
  require(entries.size() == (is_kept ? 1U : 0U));
}

Read read(std::string_view octets, std::size_t step) {
  Read result;
  QueueListReader reader([&](QueuedRecipient const& one) {
    look_at(one);
    result.all.push_back(std::string(one.queue) + '\n' + std::string(one.queue_id) + '\n' +
                         std::string(one.recipient) + '\n' + std::string(one.reason));
  });
  while (!octets.empty() && result.is_list) {
    result.is_list = reader.feed(octets.substr(0, step));
    octets.remove_prefix(std::min(step, octets.size()));
  }
  result.is_over = reader.is_over();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view const octets(reinterpret_cast<char const*>(data) + 1, size - 1);
  auto const whole = read(octets, octets.size() + 1);
  auto const pieces = read(octets, data[0] % 32U + 1U);
  require(whole.all == pieces.all);
  require(whole.is_over == pieces.is_over);
  require(whole.is_list == pieces.is_list);
  return 0;
}
