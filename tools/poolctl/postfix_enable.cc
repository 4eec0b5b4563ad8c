// poolctl postfix enable.

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "poolctl/postfix_answer.h"
#include "poolctl/postfix_undo.h"

namespace mailpool::poolctl {

namespace {

// The values before, for parameters that an earlier enable did not touch.
UndoRecord record_of(PostfixConfig& postfix, WiringPlan const& plan, UndoRecord record) {
  for (auto const& [name, value] : plan.parameters) {
    auto const known =
        std::find_if(record.parameters.begin(), record.parameters.end(),
                     [wanted = &name](TouchedParameter const& one) { return one.name == *wanted; });
    if (known != record.parameters.end())
      known->after = value.value_or("");
    else
      record.parameters.push_back({name, postfix.set_value(name), value.value_or("")});
  }
  for (auto const& service : plan.services) record.services.push_back(service.name);
  return record;
}

Result<void> carry_out(PostfixConfig& postfix, PostfixUndo const& undo, WiringPlan const& plan) {
  for (std::string const file : {"main.cf", "master.cf"}) {
    if (!undo.lacks_line_end(file)) continue;
    postfix.say(fmt::format("echo >> {}/{}", postfix.directory(), file));
    if (postfix.is_dry()) continue;
    if (auto done = undo.add_line_end(file); !done) return done;
  }
  // The services first: no moment must come in which the table names a transport that does not
  // exist.
  for (auto const& service : plan.services)
    if (auto done = postfix.add_service(service.entry, service.overrides); !done) return done;
  return postfix.change(plan.parameters);
}

Result<void> enable(PostfixConfig& postfix, WiringPlan const& plan, PostfixOptions const& options) {
  PostfixUndo const undo(postfix.directory());
  auto const earlier = undo.read();
  auto record = record_of(postfix, plan, earlier.value_or(UndoRecord{}));
  record.mode = options.is_simple ? "simple" : "table";
  if (postfix.is_dry()) return carry_out(postfix, undo, plan);
  if (earlier) {
    undo.drop_outdated_copies();
  } else {
    undo.forget();  // copies without a record are those of an enable that was cut short
    if (auto kept = undo.keep_before(); !kept) return kept;
  }
  auto done = carry_out(postfix, undo, plan);
  if (!done && !earlier) {
    (void)undo.restore("main.cf");
    (void)undo.restore("master.cf");
    undo.forget();
    return failed(done.error().reason + "; main.cf and master.cf are as before");
  }
  if (!done) return done;
  return undo.keep_after(record);
}

}  // namespace

int postfix_enable(PostfixOptions const& options, CommandRunner& runner, Printer const& print) {
  ToldCommands commands(options, print);
  PostfixConfig postfix(runner, options.config_directory, options.is_dry, std::ref(commands));
  if (!is_there(postfix, print)) return no_postfix;
  auto const plan =
      plan_wiring(postfix, options.is_simple ? WiringMode::Simple : WiringMode::Table);
  auto trouble = plan.refusals;
  if (trouble.empty() && !plan.is_done_already()) {
    auto done = enable(postfix, plan, options);
    if (done && postfix.is_running()) done = postfix.reload();
    if (!done) trouble.push_back({done.error().reason, "poolctl postfix status"});
  }
  bool const is_enabled = trouble.empty();
  if (options.is_json) {
    nlohmann::ordered_json const answer{
        {"enabled", is_enabled && !options.is_dry},
        {"changed", is_enabled && !plan.is_done_already() && !options.is_dry},
        {"commands", commands.kept()},
        {"reasons", plan.reasons},
        {"refusals", as_json(trouble)},
        {"warnings", as_json(plan.warnings)}};
    print.line(text_of(answer));
    return is_enabled ? 0 : refused;
  }
  if (is_enabled)
    for (auto const& reason : plan.reasons) print.line("why: " + reason);
  tell(plan.warnings, "note", print);
  tell(trouble, "refused", print);
  if (!is_enabled) return refused;
  if (plan.is_done_already())
    print.line("already enabled: nothing to do");
  else
    print.line(options.is_dry ? "nothing was changed" : "Postfix delivers through mailpool now");
  return 0;
}

}  // namespace mailpool::poolctl
