// poolctl postfix disable.

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "poolctl/postfix_answer.h"
#include "poolctl/postfix_undo.h"

namespace mailpool::poolctl {

namespace {

std::string joined(std::vector<std::string> const& elements) {
  std::string list;
  for (auto const& element : elements) list += (list.empty() ? "" : ", ") + element;
  return list;
}

// The list without our table, as its owner has it now.
std::string without_table(std::string const& list) {
  auto elements = elements_of(list);
  std::erase(elements, mailpool_table);
  return joined(elements);
}

// Without a record (an enable by hand): only what can be nothing but ours.
UndoRecord record_by_hand(PostfixConfig& postfix) {
  UndoRecord record;
  auto const tables = postfix.set_value("transport_maps").value_or("");
  auto const others = without_table(tables);
  if (others != joined(elements_of(tables)))
    record.parameters.push_back(
        {"transport_maps", others.empty() ? std::nullopt : std::optional(others), tables});
  if (postfix.value("default_transport") == simple_transport)
    record.parameters.push_back({"default_transport", std::nullopt, simple_transport});
  return record;
}

struct Putting {
  std::vector<ParameterChange> changes;
  std::vector<Obstacle> conflicts;
};

Putting put_back(PostfixConfig& postfix, UndoRecord const& record, bool is_forced) {
  Putting putting;
  for (auto const& [name, before, after] : record.parameters) {
    auto const now = postfix.set_value(name);
    if (now == before) continue;  // somebody was here already
    if (now == after) {
      putting.changes.push_back({name, before});
      continue;
    }
    if (is_forced && name == "transport_maps") {
      auto const rest = without_table(now.value_or(""));
      putting.changes.push_back(
          {name, rest.empty() && !before ? std::nullopt : std::optional(rest)});
    } else if (is_forced) {
      putting.changes.push_back({name, before});
    } else {
      putting.conflicts.push_back(
          {fmt::format(
               "{} was changed since enable: it is \"{}\", enable left \"{}\", before there was {}",
               name, now.value_or("(not set)"), after, before ? "\"" + *before + "\"" : "nothing"),
           fmt::format("postconf -e '{} = {}' and again, or poolctl postfix disable --force", name,
                       after)});
    }
  }
  return putting;
}

/// What disable did, for people and for --json.
struct Outcome {
  bool is_changed = false;
  std::vector<Obstacle> conflicts;
};

Result<void> put_file_back(PostfixConfig& postfix, PostfixUndo const& undo, std::string const& file,
                           Outcome& outcome) {
  outcome.is_changed = true;
  postfix.say(
      fmt::format("cp -p {}/{}.before {}/{}", undo.place(), file, postfix.directory(), file));
  return postfix.is_dry() ? Result<void>{} : undo.restore(file);
}

Result<void> disable(PostfixConfig& postfix, bool is_forced, Outcome& outcome) {
  PostfixUndo const undo(postfix.directory());
  auto const kept = undo.read();
  auto const record = kept ? *kept : record_by_hand(postfix);
  bool const main_is_untouched = kept && undo.is_untouched("main.cf");
  bool const master_is_untouched = kept && undo.is_untouched("master.cf");
  Putting putting;
  if (!main_is_untouched) putting = put_back(postfix, record, is_forced);
  outcome.conflicts = putting.conflicts;
  if (!outcome.conflicts.empty()) return {};

  // The table first: while it is named, the service must exist.
  if (main_is_untouched)
    if (auto done = put_file_back(postfix, undo, "main.cf", outcome); !done) return done;
  outcome.is_changed |= !putting.changes.empty();
  if (auto done = postfix.change(putting.changes); !done) return done;
  if (master_is_untouched) {
    if (auto done = put_file_back(postfix, undo, "master.cf", outcome); !done) return done;
  } else {
    for (auto const& service : record.services) {
      if (!postfix.has_service(service)) continue;
      outcome.is_changed = true;
      if (auto done = postfix.remove_service(service); !done) return done;
    }
  }
  if (outcome.is_changed && postfix.is_running())
    if (auto done = postfix.reload(); !done) return done;
  if (!postfix.is_dry()) undo.forget();
  return {};
}

}  // namespace

int postfix_disable(PostfixOptions const& options, CommandRunner& runner, Printer const& print) {
  ToldCommands commands(options, print);
  PostfixConfig postfix(runner, options.config_directory, options.is_dry, std::ref(commands));
  if (!is_there(postfix, print)) return no_postfix;
  Outcome outcome;
  auto const done = disable(postfix, options.is_forced, outcome);
  if (!done) outcome.conflicts.push_back({done.error().reason, "poolctl postfix status"});
  bool const is_done = outcome.conflicts.empty();
  if (options.is_json) {
    nlohmann::ordered_json const answer{
        {"changed", is_done && outcome.is_changed && !options.is_dry},
        {"commands", commands.kept()},
        {"refusals", as_json(outcome.conflicts)}};
    print.line(text_of(answer));
    return is_done ? 0 : refused;
  }
  tell(outcome.conflicts, "refused", print);
  if (!is_done) return refused;
  if (!outcome.is_changed)
    print.line("not enabled: nothing to do");
  else
    print.line(options.is_dry ? "nothing was changed" : "Postfix delivers by itself again");
  return 0;
}

}  // namespace mailpool::poolctl
