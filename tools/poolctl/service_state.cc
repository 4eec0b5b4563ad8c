#include "poolctl/service_state.h"

#include <fmt/format.h>
#include <unistd.h>

#include "core/base/text.h"

namespace mailpool::poolctl {
namespace {

constexpr auto service_unit = "mailpool.service";
constexpr auto booted = "/run/systemd/system";  // sd_booted(3)

// The first mistake of the configuration, with its file and line.
std::string first_mistake(CommandRunner& commands) {
  auto const check = commands.run({"mailpoold", "--check"}, "");
  if (check.exit_code == 0) return {};
  return printable(split(trimmed(check.output + check.errors), '\n').front(), 400);
}

}  // namespace

ServiceState parse_service(std::string_view shown) {
  ServiceState state;
  for (auto line : split(shown, '\n')) {
    auto const equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    auto const key = line.substr(0, equals);
    auto const value = printable(trimmed(line.substr(equals + 1)), 100);
    if (key == "ActiveState") state.active = value;
    if (key == "SubState") state.sub = value;
    if (key == "ExecMainStatus") state.exit_code = value;
    if (key == "NRestarts") state.restarts = value;
    if (key == "StateChangeTimestamp") state.since = value;
  }
  return state;
}

std::string why_it_does_not_run(CommandRunner& commands) {
  if (::access(booted, F_OK) != 0) return {};
  auto const shown = commands.run(
      {"systemctl", "show", service_unit,
       "--property=ActiveState,SubState,ExecMainStatus,NRestarts,StateChangeTimestamp"},
      "");
  auto const state = parse_service(shown.output);
  if (shown.exit_code != 0 || !state.is_known() || state.runs()) return {};
  auto words = fmt::format("mailpoold does not run ({}, {}){}", state.active, state.sub,
                           state.since.empty() ? "" : " since " + state.since);
  if (state.active == "inactive") return words + ": systemctl start mailpool";
  if (!state.restarts.empty() && state.restarts != "0")
    words += fmt::format(", started again {} times", state.restarts);
  if (!state.exit_code.empty() && state.exit_code != "0")
    words += fmt::format(", its last end was with {}", state.exit_code);
  if (auto const mistake = first_mistake(commands); !mistake.empty()) return words + ": " + mistake;
  return words + ": journalctl -u mailpool -n 20 says why";
}

}  // namespace mailpool::poolctl
