#include "poolctl/postfix_answer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace mailpool::poolctl {

bool is_there(PostfixConfig& postfix, Printer const& print) {
  if (postfix.is_installed()) return true;
  print.complaint("there is no Postfix here (postconf does not answer)");
  return false;
}

void tell(std::vector<Obstacle> const& found, char const* kind, Printer const& print) {
  for (auto const& [what, mend] : found)
    print.complaint(fmt::format("{}: {}\n  mend: {}", kind, what, mend));
}

nlohmann::ordered_json as_json(std::vector<Obstacle> const& found) {
  auto list = nlohmann::ordered_json::array();
  for (auto const& [what, mend] : found) list.push_back({{"what", what}, {"mend", mend}});
  return list;
}

std::string text_of(nlohmann::ordered_json const& answer) {
  return answer.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace mailpool::poolctl
