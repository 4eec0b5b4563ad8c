// A client's octets before its login: the same request comes of them however they are cut, nothing
// unbounded is kept, and every answer is whole lines.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/imap/client_login.h"

namespace {

using namespace mailpool::imap;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Result {
  std::string said;
  std::string request;
  ClientLogin::State state;
};

Result run(std::string_view octets, std::size_t step) {
  Outbox out;
  ClientLogin login(out, {Capabilities("IMAP4rev1 LITERAL+"), std::nullopt}, true);
  login.greet();
  Result result;
  std::string input;
  while (true) {
    auto const n = std::min(step, octets.size());
    input += octets.substr(0, n);
    octets.remove_prefix(n);
    std::size_t taken = 0;
    do {
      taken = login.receive(input);
      require(taken <= input.size());
      input.erase(0, taken);
      if (login.state() == ClientLogin::State::Choosing)
        login.choose({Capabilities("IMAP4rev1"), std::nullopt});
      if (login.state() == ClientLogin::State::Asking) {
        auto const request = login.take_request();
        require(is_possible(request));
        result.request += request.user + '\0' + request.authzid + '\0' +
                          std::string(request.secret.reveal()) + '\n';
        login.refuse("[AUTHENTICATIONFAILED] no");
        ++taken;
      }
    } while (taken != 0 && login.state() == ClientLogin::State::Talking);
    require(login.state() != ClientLogin::State::Talking ||
            input.size() <= ClientLogin::longest_line);
    if (octets.empty() || login.state() == ClientLogin::State::Over) break;
  }
  result.said = out.unsent();
  result.state = login.state();
  require(result.said.empty() || result.said.ends_with("\r\n"));
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view const octets(reinterpret_cast<char const*>(data + 1), size - 1);
  auto const whole = run(octets, octets.size() + 1);
  auto const cut = run(octets, data[0] % 16 + 1U);
  require(whole.said == cut.said && whole.request == cut.request && whole.state == cut.state);
  return 0;
}
