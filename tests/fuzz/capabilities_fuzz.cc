// Lines of an EHLO reply: the case makes no difference, what is said twice counts once, and nothing
// unknown is learnt.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/base/text.h"
#include "core/wire/capabilities.h"

using namespace mailpool;
using namespace mailpool::wire;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const octets(reinterpret_cast<char const*>(data), size);
  Capabilities has;
  for (auto line : split(octets, '\n')) {
    Capabilities once;
    once.learn(line);
    Capabilities upper;
    upper.learn(ascii_upper(line));
    require(once == upper);
    auto twice = once;
    twice.learn(line);
    require(once == twice);
    require(once.size || once.size_limit == 0);
    for (auto const& limit : {once.mail_max, once.rcpt_max, once.rcpt_domain_max})
      require(!limit || *limit > 0);
    has.learn(line);
  }
  require(!has.esmtp);  // that is the reply's to say, not a line's
  return 0;
}
