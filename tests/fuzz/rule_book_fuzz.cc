// A pattern and a reply of any octets: nothing breaks, what is hidden is met by the rule that hides
// it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/rules/book.h"
#include "core/rules/check.h"
#include "core/site/throttling.h"

using namespace mailpool;

namespace {
RuleSettings rule(std::string_view pattern) {
  RuleSettings r;
  r.site = "s";
  r.reply = pattern.substr(0, 1000);
  r.action = RuleAction::Suspend;
  r.place = {"f", 1, 2};
  return r;
}
}  // namespace

// The first line is a pattern, the second another, the rest a reply.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view text(reinterpret_cast<char const*>(data), size);
  auto take_line = [&] {
    auto const end = text.find('\n');
    auto const line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
  };
  auto const first = rule(take_line());
  auto const second = rule(take_line());
  Remark const remark{Step::Mail, 421, std::string(text.substr(0, 512)), 0};
  (void)site::meaning_of(remark);
  auto const words = own_words(remark.line, std::vector<std::string>{first.reply, second.reply});
  if (words.find('@') != std::string::npos || own_words(words) != words) std::abort();
  rules::Book const book({first, second});
  auto const met = book.find("s", "d", remark);
  bool is_hidden = false;
  for (auto const& mistake : rules::mistakes_in({first, second})) {
    if (mistake.to_line().empty()) std::abort();
    is_hidden = is_hidden || mistake.what.starts_with("[[rule]] can never match");
  }
  bool const is_printable_text = remark.line.find_first_of("\r\n") == std::string::npos;
  if (is_hidden && is_printable_text && met == 1U) std::abort();
  return 0;
}
