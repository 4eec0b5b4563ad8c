#pragma once
// How the commands `poolctl postfix ...` answer: exit codes, what stands in the way, JSON.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "poolctl/postfix_commands.h"
#include "poolctl/postfix_config.h"
#include "poolctl/postfix_wiring.h"

namespace mailpool::poolctl {

inline constexpr int refused = 1;
inline constexpr int wrong_usage = 2;
inline constexpr int no_postfix = 69;

/// Whether there is a Postfix to ask; where there is none, that is said.
[[nodiscard]] bool is_there(PostfixConfig& postfix, Printer const& print);

/// The commands that are run, or with --dry-run would be: told one by one, or kept for --json.
class ToldCommands {
 public:
  ToldCommands(PostfixOptions const& options, Printer const& print)
      : is_json_(options.is_json), print_(print) {}
  void operator()(std::string const& line) { is_json_ ? kept_.push_back(line) : print_.line(line); }
  [[nodiscard]] std::vector<std::string> const& kept() const { return kept_; }

 private:
  bool is_json_;
  Printer const& print_;
  std::vector<std::string> kept_;
};

/// "refused: WHAT", with what mends it.
void tell(std::vector<Obstacle> const& found, char const* kind, Printer const& print);
[[nodiscard]] nlohmann::ordered_json as_json(std::vector<Obstacle> const& found);
/// As people and scripts are shown it; what is no UTF-8 is replaced.
[[nodiscard]] std::string text_of(nlohmann::ordered_json const& answer);

}  // namespace mailpool::poolctl
