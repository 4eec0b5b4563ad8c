// poolctl queue hold, release, delete: by postsuper, shown before it is run.

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "core/base/text.h"
#include "core/control/json.h"
#include "core/parking/register.h"
#include "poolctl/queue_rows.h"
#include "poolctl/queue_source.h"
#include "poolctl/words.h"

namespace mailpool::poolctl {
namespace {

constexpr std::size_t most_shown = 10;

int complain(Context& context, std::string const& why) {
  if (context.json) context.out << control::indented(control::to_json(Error{why})) << "\n";
  context.err << "poolctl: " << why << "\n";
  return Exit::Refused;
}

struct Chosen {
  std::vector<std::string> ids;
  std::vector<std::string> shown;  ///< a line for each of the first
};

bool is_meant(QueueAction const& action, QueueEntry const& entry) {
  return action.of_both || (entry.queue == "hold") == action.of_held;
}

Result<Chosen> choose(QueueOptions const& options, QueueAction const& action, CommandRunner& runner,
                      RememberedMessages const& remembered) {
  Chosen chosen;
  auto const read =
      read_postfix_queue(runner, options.config_directory, [&](QueueEntry const& entry) {
        // What is no id is never given to postsuper, whatever printed it.
        if (!is_meant(action, entry) || !parking::is_wakeable_id(entry.id)) return;
        for (auto const& waiter : waiters_of(entry, remembered)) {
          if (!options.selection.takes(waiter)) continue;
          chosen.ids.push_back(entry.id);
          if (chosen.shown.size() < most_shown)
            chosen.shown.push_back(fmt::format(
                "{} {} <{}> -> <{}>", entry.id, printable(waiter.site, 320),
                printable(entry.sender, 320),
                waiter.recipient == nullptr ? "" : printable(waiter.recipient->address, 320)));
          return;
        }
      });
  if (!read) return failed(read.error().reason);
  return chosen;
}

std::vector<std::string> words_of(QueueOptions const& options, QueueAction const& action) {
  std::vector<std::string> words{"postsuper"};
  if (!options.config_directory.empty())
    words.insert(words.end(), {"-c", options.config_directory});
  words.insert(words.end(), {action.postsuper, "-"});
  return words;
}

void show(Context& context, Chosen const& chosen, std::vector<std::string> const& words) {
  for (auto const& line : chosen.shown) context.out << "  " << line << "\n";
  if (chosen.ids.size() > chosen.shown.size())
    context.out << fmt::format("  ... and {} more\n", chosen.ids.size() - chosen.shown.size());
  context.out << fmt::format("{} < {}\n", quoted(words),
                             counted(chosen.ids.size(), "queue id", "queue ids"));
}

void tell(Context& context, QueueAction const& action, Chosen const& chosen,
          std::vector<std::string> const& words, bool is_done) {
  if (!context.json) {
    context.out << (is_done
                        ? fmt::format("{} {}\n", counted(chosen.ids.size(), "message", "messages"),
                                      action.past)
                        : std::string("nothing was changed\n"));
    return;
  }
  nlohmann::ordered_json const answer{
      {"command", words}, {"queue_ids", chosen.ids}, {"done", is_done}};
  context.out << answer.dump(2) << "\n";
}

}  // namespace

int act_on_queue(Context& context, QueueOptions const& options, QueueAction const& action,
                 CommandRunner& runner, RememberedMessages const& remembered,
                 Confirm const& confirm) {
  if (options.selection.is_everything() && !options.is_everything_meant)
    return complain(context,
                    fmt::format("which messages? name a --site, --tenant, "
                                "--campaign, --sender, --domain or --reason, or say --all"));
  auto const chosen = choose(options, action, runner, remembered);
  if (!chosen) return complain(context, chosen.error().reason);
  auto const words = words_of(options, action);
  if (!context.json) show(context, *chosen, words);
  if (chosen->ids.empty() || options.is_dry) {
    tell(context, action, *chosen, words, false);
    return Exit::Done;
  }
  if (!options.is_confirmed &&
      !confirm(
          fmt::format("{} {}?", action.word, counted(chosen->ids.size(), "message", "messages")))) {
    tell(context, action, *chosen, words, false);
    return Exit::Refused;
  }
  std::string input;
  for (auto const& id : chosen->ids) input += id + "\n";
  auto const result = runner.run(words, input);
  if (result.exit_code != 0)
    return complain(context,
                    fmt::format("{}: {}", quoted(words), printable(trimmed(result.errors), 1000)));
  tell(context, action, *chosen, words, true);
  return Exit::Done;
}

}  // namespace mailpool::poolctl
