#include "poolctl/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/text.h"

namespace mailpool::poolctl {
namespace {

constexpr std::size_t usual_width = 80;
constexpr std::size_t least_width = 40;
constexpr std::size_t most_width = 400;

bool is_set(char const* variable) {
  return variable != nullptr && *variable != '\0';
}

bool begins_code_point(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
}

std::string_view code_of(Style style) {
  switch (style) {
    case Style::Plain:
      break;
    case Style::Bold:
      return "\x1b[1m";
    case Style::Dim:
      return "\x1b[2m";
    case Style::Good:
      return "\x1b[32m";
    case Style::Warning:
      return "\x1b[33m";
    case Style::Bad:
      return "\x1b[31m";
  }
  return "";
}

// Octets of `text` that take at most `most` columns.
std::size_t octets_for(std::string_view text, std::size_t most) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (begins_code_point(text[i]) && ++columns > most) return i;
  return text.size();
}

}  // namespace

std::string Screen::styled(Style style, std::string_view text) const {
  if (!has_colour || style == Style::Plain || text.empty()) return std::string(text);
  return std::string(code_of(style)) + std::string(text) + "\x1b[0m";
}

Screen screen_for(ScreenFacts const& facts) {
  Screen screen;
  screen.is_terminal = facts.is_terminal;
  auto const asked = to_number(is_set(facts.columns) ? facts.columns : "");
  auto const width = asked && *asked > 0         ? static_cast<std::size_t>(*asked)
                     : facts.terminal_width != 0 ? facts.terminal_width
                                                 : usual_width;
  screen.width = std::clamp(width, least_width, most_width);
  bool const is_dumb = !is_set(facts.term) || std::string_view(facts.term) == "dumb";
  screen.has_colour = facts.is_terminal && !is_dumb && !is_set(facts.no_color);
  return screen;
}

Screen screen_of_stdout() {
  ScreenFacts facts;
  facts.is_terminal = ::isatty(STDOUT_FILENO) == 1;
  winsize size{};
  if (facts.is_terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
    facts.terminal_width = size.ws_col;
  facts.columns = std::getenv("COLUMNS");
  facts.no_color = std::getenv("NO_COLOR");
  facts.term = std::getenv("TERM");
  return screen_for(facts);
}

Screen whole_screen_of_stdout() {
  auto screen = screen_of_stdout();
  winsize size{};
  if (screen.is_terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
    screen.height = size.ws_row;
  return screen;
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_code_point));
}

std::string cut(std::string_view text, std::size_t most) {
  if (columns_of(text) <= most) return std::string(text);
  if (most == 0) return {};
  return std::string(text.substr(0, octets_for(text, most - 1))) + "~";
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out;
  std::string line;
  std::size_t used = 0;
  bool is_empty = true;
  auto end_line = [&] {
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
    line.assign(indent, ' ');
    used = indent;
    is_empty = true;
  };
  for (auto word : split(text, ' ')) {
    if (!is_empty && used + 1 + columns_of(word) > width) end_line();
    while (is_empty && used + columns_of(word) > width && width > indent) {
      auto const fits = octets_for(word, width - used);
      line += word.substr(0, fits);
      word.remove_prefix(fits);
      end_line();
    }
    if (!is_empty) line += ' ';
    line += word;
    used += columns_of(word) + (is_empty ? 0 : 1);
    is_empty = false;
  }
  end_line();
  return out;
}

}  // namespace mailpool::poolctl
