// Logins to a server that says anything: every mechanism ends after a bounded number of challenges,
// what goes to the server is one line, and SCRAM takes no server that could not prove itself.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/base/text.h"
#include "core/sasl/authentication.h"

using namespace mailpool;
using namespace mailpool::sasl;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_one_line(std::string_view text) {
  return text.find_first_of("\r\n") == std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view octets(reinterpret_cast<char const*>(data), size);
  auto const lines = split(octets, '\n');
  Authentication login({"tim", Secret("tanstaaftanstaaf"), "mx.example", 587, "nonce"},
                       {all_mechanisms.begin(), all_mechanisms.end()});
  auto const mechanism = login.choose(lines.front());
  if (!mechanism) return 0;
  require(is_one_line(login.command().reveal()));
  unsigned answered = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    auto const line = login.answer(lines[i]);
    if (!line) break;
    require(is_one_line(line->reveal()));
    require(++answered <= 8);
  }
  // Whoever does not have the password cannot make the right signature.
  if (*mechanism == Mechanism::ScramSha256) require(!login.accept());
  require(login.redacted(std::string(octets)).find("tanstaaftanstaaf") == std::string::npos);
  return 0;
}
