#pragma once
// Runs other programs for poolctl: an interface, so that tests answer with what was recorded.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mailpool::poolctl {

struct CommandResult {
  int exit_code = 0;  // 127: it could not be run
  std::string output;
  std::string errors;
};

class CommandRunner {
 public:
  virtual ~CommandRunner() = default;
  /// Runs `words` without a shell, feeds it `input`, waits for its end.
  virtual CommandResult run(std::vector<std::string> const& words, std::string const& input) = 0;
  CommandResult run(std::vector<std::string> const& words) { return run(words, {}); }
  using LineVisitor = std::function<void(std::string_view line)>;
  /// Likewise, without input; its output goes to the visitor line by line, and is not in the
  /// result. Lines beyond 16 MiB are cut.
  virtual CommandResult stream(std::vector<std::string> const& words, LineVisitor const& visitor);
};

/// The real thing: found in PATH, or in /usr/sbin.
class SystemCommands final : public CommandRunner {
 public:
  using CommandRunner::run;
  CommandResult run(std::vector<std::string> const& words, std::string const& input) override;
  CommandResult stream(std::vector<std::string> const& words, LineVisitor const& visitor) override;

 private:
  static CommandResult run(std::vector<std::string> const& words, std::string const& input,
                           LineVisitor const* visitor);
};

/// As a shell would have to be told, for display.
[[nodiscard]] std::string quoted(std::vector<std::string> const& words);

}  // namespace mailpool::poolctl
