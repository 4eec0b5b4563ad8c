// AUTH PLAIN and LOGIN: RFC 4954, RFC 4616.
#include <algorithm>

#include "core/base/base64.h"
#include "core/base/text.h"
#include "fakemx/session.h"

namespace mailpool::fakemx {

namespace {

constexpr std::size_t most_responses = 64;

bool is_base64_of(std::string_view line, std::string_view what) {
  return from_base64(line) == std::string(what);
}

}  // namespace

void Session::auth(std::string_view argument) {
  if (service_.settings.user.empty() || !announced(Extension::Auth)) {
    violation(ClientViolation::UnannouncedCommand, "AUTH");
    return refuse({502, "5.5.1", "AUTH was not offered"});
  }
  auto const blank = std::min(argument.find(' '), argument.size());
  auth_lines_ = {ascii_upper(argument.substr(0, blank))};
  auto const initial = trimmed(argument.substr(blank));
  if (!initial.empty()) auth_lines_.emplace_back(initial);
  consult(Stage::Auth);
}

void Session::auth_response(std::string_view line) {
  service_.journal.trace(id_, 'C', "(a line of AUTH)");
  idle_restart_ = true;
  silence_for_ = "a line of AUTH";
  link_.begin_silence();
  silence_due_ = true;
  if (auth_lines_.size() < most_responses) auth_lines_.emplace_back(line);
  consult(Stage::Auth);
}

Session::Answer Session::auth_answer() const {
  auto const& user = service_.settings.user;
  auto const& password = service_.settings.password;
  auto const& said = auth_lines_;
  bool is_right = false;
  if (said[0] == "PLAIN") {
    if (said.size() == 1) return {334, "", ""};
    is_right = is_base64_of(said[1], std::string(1, '\0') + user + '\0' + password);
  } else if (said[0] == "LOGIN") {
    if (said.size() == 1) return {334, "", "VXNlcm5hbWU6"};
    if (said.size() == 2) return {334, "", "UGFzc3dvcmQ6"};
    is_right = is_base64_of(said[1], user) && is_base64_of(said[2], password);
  } else {
    return {504, "5.5.4", "Only PLAIN and LOGIN"};
  }
  if (is_right) return {235, "2.7.0", "Welcome"};
  return {535, "5.7.8", "Wrong user or password"};
}

}  // namespace mailpool::fakemx
