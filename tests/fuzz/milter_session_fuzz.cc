// Feeds a session every order of callbacks with hostile arguments: it never breaks, asks only about
// domains and tenants, and seals only what its own rules allow.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/text.h"
#include "milter/session.h"

using namespace mailpool;
using namespace mailpool::milter;

namespace {

struct CheckingGate final : Gate {
  Admission ask(std::string const& domain, std::string const& tenant,
                std::uint16_t recipients) override {
    if (recipients == 0 || domain.size() > 255 || !is_ascii(domain)) std::abort();
    if (!tenant.empty() && !is_tenant_name(tenant)) std::abort();
    return {(domain.size() + tenant.size()) % 3 == 0, "full"};
  }
};

Shared const& shared() {
  static Shared const ours = [] {
    Settings settings;
    settings.tenants["shop"].logins = {"shop"};
    settings.tenants["bank"].clients = {IpNetwork::parse("192.0.2.0/24").value()};
    return Shared{Tenants(settings), {"mailpool"}, *SealKeys::parse(std::string(32, 'k'))};
  }();
  return ours;
}

// Takes a length octet and that many octets.
std::string_view next(std::string_view& input) {
  if (input.empty()) return {};
  auto const size = static_cast<unsigned char>(input[0]);
  auto const text = input.substr(1, size);
  input.remove_prefix(std::min<std::size_t>(input.size(), 1U + size));
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view input(reinterpret_cast<char const*>(data), size);
  CheckingGate gate;
  Session session(shared(), gate);
  WallTime const now{std::chrono::seconds(1'763'714'563)};
  while (!input.empty()) {
    auto const what = static_cast<unsigned char>(input[0]) % 6;
    input.remove_prefix(1);
    auto const first = next(input);
    auto const second = next(input);
    if (what == 0) session.connect(IpAddress::parse(first), second == "local");
    if (what == 1) session.mail(first, second);
    if (what == 2) session.recipient(first, second);
    if (what == 3) session.header(first, second);
    if (what == 4) session.abort();
    if (what != 5) continue;
    auto const ending = session.end_of_message(now, "0123456789abcdef");
    if (ending.seal.find_first_of("\r\n") != std::string::npos) std::abort();
    if (ending.reply.kind != Reply::Kind::Continue && !ending.seal.empty()) std::abort();
  }
  return 0;
}
