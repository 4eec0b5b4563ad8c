// poolctl postfix lookup ADDRESS: asks every table of transport_maps as trivial-rewrite would, and
// says who answers and why.

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "core/base/text.h"
#include "poolctl/postfix_answer.h"

namespace mailpool::poolctl {

namespace {

/// One table's answers to the keys of an address.
struct Asked {
  std::string table;
  std::size_t key = SIZE_MAX;  // the first that it answered
  std::string answer;
  std::string errors;
};

// In the order in which Postfix asks (transport(5)).
std::vector<std::string> keys_of(std::string const& address, std::string const& delimiters) {
  auto const at = address.rfind('@');
  std::vector<std::string> keys{address};
  auto const extension =
      delimiters.empty() ? std::string::npos : address.find_first_of(delimiters, 1);
  if (extension != std::string::npos && extension < at)
    keys.push_back(address.substr(0, extension) + address.substr(at));
  auto domain = address.substr(at + 1);
  keys.push_back(domain);
  for (auto dot = domain.find('.', 1); dot != std::string::npos; dot = domain.find('.', 1)) {
    domain.erase(0, dot);
    keys.push_back(domain);
  }
  return keys;
}

Asked ask_table(PostfixConfig& postfix, std::string const& table,
                std::vector<std::string> const& keys, bool is_verbose) {
  std::string input;
  for (auto const& key : keys) input += key + "\n";
  std::vector<std::string> words{"-q", "-", table};
  if (is_verbose) words.insert(words.begin(), "-v");
  auto const done = postfix.ask("postmap", words, input);
  Asked asked{table, SIZE_MAX, "", done.errors};
  auto const line = std::string_view(done.output).substr(0, done.output.find('\n'));
  auto const tab = line.find('\t');
  if (tab == std::string_view::npos) return asked;
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (keys[i] == line.substr(0, tab)) asked.key = std::min(asked.key, i);
  asked.answer = line.substr(tab + 1);
  return asked;
}

// From the table's own line in a verbose postmap: reason="..." generation=N heartbeat_age=N.
std::string field_of(std::string_view errors, std::string_view name) {
  auto const ours = errors.find("mailpool:mailpool/map: ");
  std::string const start = fmt::format(" {}=", name);
  auto const at = ours == std::string_view::npos ? ours : errors.find(start, ours);
  if (at == std::string_view::npos) return "";
  auto value = errors.substr(at + start.size());
  char const end = value.starts_with('"') ? '"' : ' ';
  if (end == '"') value.remove_prefix(1);
  return std::string(value.substr(0, value.find_first_of(end == '"' ? "\"\n" : " \n")));
}

std::string words_for(std::string const& reason) {
  if (reason.empty()) return "the table did not say";
  if (reason.ends_with("_domains") || reason == "mydestination")
    return reason + " names it: Postfix keeps it to itself";
  return reason;
}

/// Whether the first key that any table answers is answered by another one.
Asked const* winner_among(std::vector<Asked> const& asked) {
  Asked const* first = nullptr;
  for (auto const& one : asked)
    if (one.key != SIZE_MAX && (first == nullptr || one.key < first->key)) first = &one;
  return first;
}

}  // namespace

int postfix_lookup(std::string const& address, PostfixOptions const& options, CommandRunner& runner,
                   Printer const& print) {
  auto const at = address.rfind('@');
  bool const is_address = at != std::string::npos && at > 0 && at + 1 < address.size() &&
                          printable(address, 1000) == address;
  if (!is_address) {
    print.complaint("postfix lookup wants an address: user@domain");
    return wrong_usage;
  }
  PostfixConfig postfix(runner, options.config_directory, true, [](std::string const&) {});
  if (!is_there(postfix, print)) return no_postfix;
  // The table would take a map that it may not read for a manager that is away.
  auto const directory = postfix.value("queue_directory") + "/mailpool";
  if (::access(directory.c_str(), X_OK) != 0 && errno == EACCES) {
    print.complaint(directory +
                    " may be looked into by root and the group postfix only: sudo poolctl postfix "
                    "lookup ADDRESS");
    return refused;
  }
  auto const keys = keys_of(address, postfix.value("recipient_delimiter"));
  std::vector<Asked> asked;
  bool is_wired = false;
  for (auto const& table : elements_of(postfix.expanded("transport_maps"))) {
    is_wired |= table == mailpool_table;
    asked.push_back(ask_table(postfix, table, keys, table == mailpool_table));
  }
  if (!is_wired) asked.push_back(ask_table(postfix, mailpool_table, keys, true));
  Asked const* ours = nullptr;
  for (auto const& one : asked)
    if (one.table == mailpool_table) ours = &one;
  auto const* const winner = winner_among(asked);
  auto const reason = words_for(field_of(ours->errors, "reason"));
  bool const is_fatal = ours->errors.find("fatal") != std::string::npos;

  if (options.is_json) {
    auto const or_null = [](std::string const& text) {
      return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(printable(text));
    };
    nlohmann::ordered_json const answer{
        {"address", address},
        {"domain", address.substr(at + 1)},
        {"answer", or_null(ours->answer)},
        {"reason", is_fatal ? printable(trimmed(ours->errors)) : reason},
        {"generation", or_null(field_of(ours->errors, "generation"))},
        {"heartbeat_age", or_null(field_of(ours->errors, "heartbeat_age"))},
        {"wired", is_wired},
        {"answered_by", winner != nullptr ? or_null(winner->table) : or_null("")},
        {"transport", winner != nullptr ? or_null(winner->answer) : or_null("")}};
    print.line(text_of(answer));
    return is_fatal ? refused : 0;
  }
  if (is_fatal) {
    print.complaint(
        fmt::format("the table cannot be opened: {}", printable(trimmed(ours->errors))));
    return refused;
  }
  print.line(fmt::format(
      "{}: {}", mailpool_table,
      ours->answer.empty() ? "not found (mail takes its ordinary transport)" : ours->answer));
  print.line(fmt::format("  because {}", printable(reason)));
  if (!is_wired) print.line("  but transport_maps does not name the table: poolctl postfix enable");
  if (winner != nullptr && winner != ours)
    print.line(fmt::format("  but {} answers before it, for {}: {}", winner->table,
                           keys[winner->key], printable(winner->answer)));
  return 0;
}

}  // namespace mailpool::poolctl
