// Feeds the control socket's two parsers: what a client may send, and what a manager may answer.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/control/json.h"
#include "core/control/request.h"
#include "fakes/control_actions.h"

using namespace mailpool;

namespace {

// What was understood must mean the same when it is written again.
void check_request(std::string_view line) {
  auto const request = control::parse_request(line);
  if (!request) {
    if (request.error().reason.empty()) std::abort();
    return;
  }
  auto const again = control::parse_request(control::to_line(*request));
  if (!again || !(*again == *request)) std::abort();
  tests::FakeActions actions;
  auto const answer = control::perform(*request, actions, {});
  if (!control::parse_answer(answer)) std::abort();
  auto const audit = control::audit_line(*request, {}, answer);
  if (audit.find('\n') != std::string::npos) std::abort();
}

template <class T>
void check_reading(std::string_view text) {
  auto const read = control::from_json<T>(text);
  if (!read) return;
  auto const written = control::to_json(*read);
  auto const again = control::from_json<T>(written);
  if (!again || control::to_json(*again) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  check_request(text);
  auto const answer = control::parse_answer(text);
  auto const inner = answer && !answer->is_refused ? std::string_view(answer->text) : text;
  check_reading<control::ManagerStatus>(inner);
  check_reading<control::NameStatus>(inner);
  check_reading<control::Explanation>(inner);
  check_reading<control::ReloadReport>(inner);
  check_reading<std::vector<control::ConnectionStatus>>(inner);
  check_reading<std::vector<control::Finding>>(inner);
  return 0;
}
