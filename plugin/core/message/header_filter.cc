#include "core/message/header_filter.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool {
namespace {

constexpr std::size_t longest_value = 2048;
constexpr std::size_t most_values = 8;
// A line cannot be longer (RFC 5322 2.1.1); blanks between name and colon beyond that are still one
// of ours.
constexpr std::size_t most_held = 998;

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

void keep(std::vector<std::string>& values, std::string value) {
  if (values.size() < most_values) values.push_back(std::move(value));
}

}  // namespace

HeaderFilter::Line HeaderFilter::judge(std::string_view beginning) const {
  if (beginning.empty()) return Line::Unclear;
  if (is_blank(beginning.front())) return Line::Folded;
  if (beginning.front() == '\r' || beginning.front() == '\n') return Line::Empty;
  auto which = Line::Kept;
  for (auto const& [name, line] :
       {std::pair(tenant_header, Line::Tenant), std::pair(campaign_header, Line::Campaign),
        std::pair(campaign_, Line::Campaign), std::pair(seal_header, Line::Seal)}) {
    if (name.empty()) continue;
    auto const n = std::min(name.size(), beginning.size());
    if (!ascii_iequal(name.substr(0, n), beginning.substr(0, n))) continue;
    if (beginning.size() < name.size()) return Line::Unclear;
    auto const rest = std::find_if_not(beginning.begin() + static_cast<std::ptrdiff_t>(name.size()),
                                       beginning.end(), is_blank);
    if (rest == beginning.end()) return beginning.size() < most_held ? Line::Unclear : line;
    if (*rest == ':') which = line;
  }
  return which;
}

bool HeaderFilter::is_ours(Line line) {
  return line == Line::Tenant || line == Line::Campaign || line == Line::Seal;
}

void HeaderFilter::feed(std::string_view octets, FilteredSink& sink) {
  std::size_t kept = 0;  // of octets, from their beginning: not handed on yet
  auto hand_on = [&] {
    if (kept != 0) sink.on_kept(octets.substr(0, kept));
    octets.remove_prefix(kept);
    kept = 0;
  };
  while (kept < octets.size() && place_ != Place::Body) {
    auto rest = octets.substr(kept);
    if (place_ == Place::LineStart) {
      auto const line = held_.empty() ? judge(rest) : Line::Unclear;
      if (line == Line::Kept || line == Line::Folded || line == Line::Empty) {
        enter(line);
        continue;
      }
      hand_on();
      if (!begin_line(octets, sink)) return;
      continue;
    }
    auto const lf = rest.find('\n');
    auto const line = rest.substr(0, lf == std::string_view::npos ? lf : lf + 1);
    if (place_ == Place::KeptLine) {
      kept += line.size();
    } else {
      hand_on();
      add_to_value(line);
      octets.remove_prefix(line.size());
    }
    if (lf != std::string_view::npos) place_ = Place::LineStart;
  }
  if (place_ == Place::Body) kept = octets.size();
  hand_on();
}

bool HeaderFilter::begin_line(std::string_view& octets, FilteredSink& sink) {
  auto line = Line::Unclear;
  while (!octets.empty() && (line = judge(held_)) == Line::Unclear) {
    held_ += octets.front();
    octets.remove_prefix(1);
  }
  if (line == Line::Unclear) line = judge(held_);
  if (line == Line::Unclear) return false;
  bool const is_removed = is_ours(line) || (line == Line::Folded && field_ != Line::Kept);
  enter(line);
  auto const held = std::exchange(held_, {});
  if (!is_removed) {
    sink.on_kept(held);
  } else if (auto const colon = held.find(':');
             line != Line::Folded && colon != std::string::npos) {
    add_to_value(std::string_view(held).substr(colon + 1));
  } else if (line == Line::Folded) {
    add_to_value(held);
  }
  // An empty line is one octet so far, its LF is the body's beginning.
  if (line == Line::Kept && held.ends_with('\n')) place_ = Place::LineStart;
  return true;
}

void HeaderFilter::enter(Line line) {
  if (line != Line::Folded) {
    end_value();
    field_ = is_ours(line) ? line : Line::Kept;
  }
  place_ = line == Line::Empty    ? Place::Body
           : field_ == Line::Kept ? Place::KeptLine
                                  : Place::RemovedLine;
}

void HeaderFilter::add_to_value(std::string_view octets) {
  value_.append(octets.substr(0, longest_value - std::min(longest_value, value_.size())));
}

void HeaderFilter::end_value() {
  if (field_ == Line::Kept) return;
  std::erase(value_, '\r');
  std::erase(value_, '\n');
  auto& values = field_ == Line::Seal       ? marks_.seals
                 : field_ == Line::Campaign ? marks_.campaigns
                                            : marks_.names;
  keep(values, std::string(trimmed(value_)));
  value_.clear();
  field_ = Line::Kept;
}

void HeaderFilter::finish(FilteredSink& sink) {
  if (!held_.empty()) sink.on_kept(std::exchange(held_, {}));
  end_value();
}

}  // namespace mailpool
