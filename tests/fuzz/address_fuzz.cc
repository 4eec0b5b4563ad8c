// Mailboxes, domains and whole command lines from a client: what is accepted is harmless, and reads
// the same twice.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/text.h"
#include "core/message/address.h"
#include "core/wire/lmtp_command.h"

using namespace mailpool;

namespace {

bool has_control(std::string_view s) {
  for (char const c : s)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  return false;
}

void check_domain(std::string_view given) {
  auto const domain = canonical_domain(given);
  if (!domain) {
    if (domain.error().reason.empty()) std::abort();
    return;
  }
  if (domain->empty() || domain->size() > 253 || !is_ascii(*domain) || has_control(*domain))
    std::abort();
  if (domain->find_first_of(" @<>\"/\\") != std::string::npos) std::abort();
  auto const again = canonical_domain(*domain);
  if (!again || *again != *domain) std::abort();
}

void check_mailbox(std::string_view mailbox) {
  static_cast<void>(needs_smtputf8(mailbox));
  auto const domain = domain_of(mailbox);
  if (!is_mailbox(mailbox)) return;
  if (!domain || has_control(mailbox) || !is_valid_utf8(mailbox)) std::abort();
  // As a command it must come back as the same mailbox, whatever quotes it holds.
  auto const line = "TO:<" + std::string(mailbox) + "> A=1";
  auto const parsed = wire::parse_path(line, "TO:");
  if (!parsed || parsed->mailbox != mailbox || parsed->parameters.size() != 1) std::abort();
}

void check_on_wire(std::string_view mailbox) {
  auto const on_wire = mailbox_on_wire(mailbox);
  if (!on_wire) {
    if (on_wire.error().reason.empty() || is_mailbox(mailbox)) std::abort();
    return;
  }
  auto const domain = [](std::string_view of) { return domain_of(of).value_or(""); };
  if (domain(*on_wire) != domain(mailbox) || mailbox_on_wire(*on_wire).value_or("") != *on_wire)
    std::abort();
  if (!is_mailbox(*on_wire)) std::abort();
  check_mailbox(*on_wire);
}

void check_line(std::string_view line) {
  auto const command = wire::parse_command(line);
  for (auto const* keyword : {"FROM:", "TO:"})
    if (auto const path = wire::parse_path(command.argument, keyword)) {
      check_mailbox(path->mailbox);
      check_on_wire(path->mailbox);
    }
  auto const parameters = wire::parse_parameters(command.argument);
  if (!parameters) return;
  if (parameters->size() > 16) std::abort();
  for (auto const& p : *parameters)
    if (auto const value = wire::decode_xtext(p.value); value && value->size() > p.value.size())
      std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const input(reinterpret_cast<char const*>(data), size);
  check_domain(input);
  check_mailbox(input);
  check_on_wire(input);
  check_line(input);
  return 0;
}
