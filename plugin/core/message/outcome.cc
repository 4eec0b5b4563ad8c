#include "core/message/outcome.h"

#include <fmt/format.h>

#include <cassert>

#include "core/base/text.h"

namespace mailpool {
namespace {

constexpr std::size_t longest_reply = 512;

OutcomeKind kind_of(std::uint16_t code) {
  if (code < 400) return OutcomeKind::Delivered;
  return code < 500 ? OutcomeKind::Deferred : OutcomeKind::Refused;
}

}  // namespace

std::string_view name_of(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::Delivered:
      return "delivered";
    case OutcomeKind::Deferred:
      return "deferred";
    case OutcomeKind::Refused:
      return "refused";
  }
  return "deferred";
}

std::string EnhancedCode::to_string() const {
  return fmt::format("{}.{}.{}", klass, subject, detail);
}

Outcome Outcome::local(std::uint16_t code, EnhancedCode enhanced, std::string text) {
  assert(code >= 400 && code < 600 &&
         code != 421);  // 250 belongs to the remote alone; 421 never travels upstream
  Outcome o;
  o.kind = kind_of(code);
  o.code = code;
  o.enhanced = enhanced;
  o.text = printable(text);
  return o;
}

Outcome Outcome::remote(std::uint16_t code, EnhancedCode enhanced, std::string_view text,
                        std::string_view relay, std::string_view command) {
  assert((code >= 200 && code < 300) || (code >= 400 && code < 600));
  Outcome o;
  o.kind = kind_of(code);
  o.said_by_remote = true;
  auto const klass = static_cast<std::uint16_t>(code / 100);
  bool const fits = enhanced.klass == klass;
  o.enhanced = fits ? enhanced : EnhancedCode{klass, 0, 0};
  if (o.kind == OutcomeKind::Delivered) {
    o.code = 250;
    o.text = printable(fmt::format("{} said: {}", relay, text), 480);
    return o;
  }
  o.code = code == 421 ? std::uint16_t{451} : code;
  std::string const codes =
      fits ? fmt::format("{} {}", code, enhanced.to_string()) : fmt::format("{}", code);
  o.text = printable(fmt::format("{} said: {} {}", relay, codes, printable(text, 380)), 440) +
           fmt::format(" (in reply to {})", printable(command, 40));
  return o;
}

std::string Outcome::reply_line() const {
  auto line = fmt::format("{} {} {}", code, enhanced.to_string(), text);
  if (line.size() > longest_reply - 2) line = printable(line, longest_reply - 2);
  return line;
}

}  // namespace mailpool
