#include "poolctl/postfix_config.h"

#include <fmt/format.h>

#include "core/base/text.h"

namespace mailpool::poolctl {

namespace {

std::vector<std::string> lines_of(std::string const& text) {
  std::vector<std::string> lines;
  for (auto const line : split(text, '\n'))
    if (!trimmed(line).empty()) lines.emplace_back(line);
  return lines;
}

}  // namespace

PostfixConfig::PostfixConfig(CommandRunner& runner, std::string directory, bool is_dry, Say say)
    : runner_(runner), directory_(std::move(directory)), is_dry_(is_dry), say_(std::move(say)) {}

std::vector<std::string> PostfixConfig::command(std::string const& program,
                                                std::vector<std::string> words) const {
  std::vector<std::string> all{program};
  if (!directory_.empty()) all.insert(all.end(), {"-c", directory_});
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

CommandResult PostfixConfig::ask(std::string const& program, std::vector<std::string> words,
                                 std::string const& input) {
  return runner_.run(command(program, std::move(words)), input);
}

Result<void> PostfixConfig::act(std::string const& program, std::vector<std::string> words) {
  auto const all = command(program, std::move(words));
  say_(quoted(all));
  if (is_dry_) return {};
  auto const done = runner_.run(all);
  if (done.exit_code == 0) return {};
  return failed(fmt::format("{} failed: {}", quoted(all), trimmed(done.errors)));
}

bool PostfixConfig::is_installed() {
  return ask("postconf", {"-h", "mail_version"}).exit_code == 0;
}

std::string PostfixConfig::value(std::string const& parameter) {
  return std::string(trimmed(ask("postconf", {"-h", parameter}).output));
}

std::string PostfixConfig::expanded(std::string const& parameter) {
  return std::string(trimmed(ask("postconf", {"-x", "-h", parameter}).output));
}

std::optional<std::string> PostfixConfig::set_value(std::string const& parameter) {
  auto const answer = ask("postconf", {"-n", parameter}).output;
  auto const equals = answer.find('=');
  if (equals == std::string::npos) return std::nullopt;
  return std::string(trimmed(std::string_view(answer).substr(equals + 1)));
}

std::vector<std::string> PostfixConfig::table_types() {
  return lines_of(ask("postconf", {"-m"}).output);
}

bool PostfixConfig::has_service(std::string const& service) {
  return !trimmed(ask("postconf", {"-M", service}).output).empty();
}

std::string PostfixConfig::field(std::string const& service_field) {
  auto const answer = ask("postconf", {"-F", service_field}).output;
  auto const equals = answer.find('=');
  return equals == std::string::npos
             ? ""
             : std::string(trimmed(std::string_view(answer).substr(equals + 1)));
}

std::vector<std::string> PostfixConfig::overrides(std::string const& parameter,
                                                  std::string const& service) {
  return lines_of(ask("postconf", {"-P", service + "/" + parameter}).output);
}

std::string PostfixConfig::directory() {
  return directory_.empty() ? value("config_directory") : directory_;
}

bool PostfixConfig::is_running() {
  return ask("postfix", {"status"}).exit_code == 0;
}

Result<void> PostfixConfig::change(std::vector<ParameterChange> const& changes) {
  std::vector<std::string> set{"-e"};
  std::vector<std::string> remove{"-X"};
  for (auto const& [name, value] : changes)
    value ? set.push_back(name + " = " + *value) : remove.push_back(name);
  if (set.size() > 1)
    if (auto done = act("postconf", set); !done) return done;
  if (remove.size() > 1)
    if (auto done = act("postconf", remove); !done) return done;
  return {};
}

Result<void> PostfixConfig::add_service(std::string const& entry,
                                        std::vector<std::string> const& overrides) {
  auto const name = entry.substr(0, entry.find('='));
  if (auto done = act("postconf", {"-M", entry}); !done) return done;
  std::vector<std::string> words{"-P"};
  for (auto const& override : overrides) words.push_back(fmt::format("{}/{}", name, override));
  return act("postconf", words);
}

Result<void> PostfixConfig::remove_service(std::string const& service) {
  return act("postconf", {"-MX", service});
}

Result<void> PostfixConfig::reload() {
  return act("postfix", {"reload"});
}

std::vector<std::string> elements_of(std::string_view list) {
  std::vector<std::string> elements;
  std::string element;
  int depth = 0;
  for (char const c : list) {
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    bool const separates =
        depth == 0 && (c == ' ' || c == ',' || c == '\t' || c == '\n' || c == '\r');
    if (!separates) element += c;
    if (separates && !element.empty()) elements.push_back(std::exchange(element, {}));
  }
  if (!element.empty()) elements.push_back(element);
  return elements;
}

}  // namespace mailpool::poolctl
