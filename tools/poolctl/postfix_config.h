#pragma once
// main.cf and master.cf of one Postfix instance, through postconf.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "poolctl/command_runner.h"

namespace mailpool::poolctl {

/// One parameter of main.cf, to be set; or to be removed, where there is no value.
struct ParameterChange {
  std::string name;
  std::optional<std::string> value;
};

class PostfixConfig {
 public:
  using Say = std::function<void(std::string const& line)>;

  /// `directory`: as with `postconf -c`; empty: Postfix's own. `say` gets every command that
  /// changes something, before it is run. With `is_dry` they are said and not run.
  PostfixConfig(CommandRunner& runner, std::string directory, bool is_dry, Say say);

  // --- questions
  [[nodiscard]] bool is_installed();
  [[nodiscard]] std::string value(
      std::string const& parameter);  // expanded by nobody, default or set
  [[nodiscard]] std::string expanded(std::string const& parameter);  // with $names replaced
  [[nodiscard]] std::optional<std::string> set_value(
      std::string const& parameter);  // nothing: main.cf does not say
  [[nodiscard]] std::vector<std::string> table_types();
  [[nodiscard]] bool has_service(std::string const& service);         // "mailpool/unix"
  [[nodiscard]] std::string field(std::string const& service_field);  // "rewrite/unix/chroot"
  /// What master.cf sets by -o PARAMETER=...: "mailpool/unix/PARAMETER = VALUE"; "*" is any.
  [[nodiscard]] std::vector<std::string> overrides(std::string const& parameter,
                                                   std::string const& service = "*/*");
  [[nodiscard]] std::string directory();
  [[nodiscard]] bool is_running();

  // --- changes
  [[nodiscard]] Result<void> change(std::vector<ParameterChange> const& changes);
  [[nodiscard]] Result<void> add_service(std::string const& entry,
                                         std::vector<std::string> const& overrides);
  [[nodiscard]] Result<void> remove_service(std::string const& service);
  [[nodiscard]] Result<void> reload();

  /// A postconf, postmap, postfix of this instance.
  [[nodiscard]] std::vector<std::string> command(std::string const& program,
                                                 std::vector<std::string> words) const;
  CommandResult ask(std::string const& program, std::vector<std::string> words,
                    std::string const& input = {});
  [[nodiscard]] bool is_dry() const { return is_dry_; }
  void say(std::string const& line) const { say_(line); }

 private:
  Result<void> act(std::string const& program, std::vector<std::string> words);

  CommandRunner& runner_;
  std::string directory_;
  bool is_dry_;
  Say say_;
};

/// The elements of a list such as transport_maps: separated by blanks and commas outside braces.
[[nodiscard]] std::vector<std::string> elements_of(std::string_view list);

}  // namespace mailpool::poolctl
