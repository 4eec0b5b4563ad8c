#pragma once
// What the unit of mailpoold lets it see and write: for `--check`, which runs outside of it.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailpool::manager {

class ServiceSandbox {
 public:
  /// From the text of the unit and of its drop-ins behind it, as systemd.unit(5) reads them.
  explicit ServiceSandbox(std::string_view unit);
  /// Of mailpool.service on this machine; nothing where there is no such unit. Blocks on the disk.
  static std::optional<ServiceSandbox> of_this_machine();

  /// Why a file of this path could not be written, with what would be right; "" where it could.
  [[nodiscard]] std::string why_not_writable(std::string const& path) const;
  /// Why it could not be read, leaving the file's own mode aside.
  [[nodiscard]] std::string why_not_visible(std::string const& path) const;
  [[nodiscard]] std::string const& user() const { return user_; }

 private:
  void take(std::string_view key, std::string_view value);

  std::string user_;
  std::string protect_system_;
  bool hides_homes_ = false;
  std::vector<std::string> writable_;
};

}  // namespace mailpool::manager
