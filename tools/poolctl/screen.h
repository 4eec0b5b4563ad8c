#pragma once
// What is shown on: how wide it is, and whether it has colours.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailpool::poolctl {

enum class Style : std::uint8_t { Plain, Bold, Dim, Good, Warning, Bad };

struct Screen {
  std::size_t width = 80;
  bool has_colour = false;
  bool is_terminal = false;
  std::size_t height = 0;  ///< lines that must do; 0: as many as it takes

  [[nodiscard]] std::string styled(Style style, std::string_view text) const;
};

/// What decides about a screen; apart from it, so that tests can make it up.
struct ScreenFacts {
  bool is_terminal = false;
  std::size_t terminal_width = 0;  ///< 0: not known
  char const* columns = nullptr;   ///< $COLUMNS
  char const* no_color = nullptr;  ///< $NO_COLOR: any value but "" means never
  char const* term = nullptr;      ///< $TERM
};

/// 80 columns where nothing is known, never fewer than 40 or more than 400; $COLUMNS counts before
/// the terminal's own width. Colour only on a terminal that is not dumb, and never with NO_COLOR.
[[nodiscard]] Screen screen_for(ScreenFacts const& facts);
[[nodiscard]] Screen screen_of_stdout();
/// The same for what is shown in one place again and again: with its height.
[[nodiscard]] Screen whole_screen_of_stdout();

/// The columns that text takes: its UTF-8 code points.
[[nodiscard]] std::size_t columns_of(std::string_view text);
/// At most `most` columns; what is longer ends in "~".
[[nodiscard]] std::string cut(std::string_view text, std::size_t most);
/// Broken at blanks so that no line is longer than `width`, each with its line end; lines after the
/// first begin with `indent` blanks. A word that is longer is broken.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t width, std::size_t indent = 0);

}  // namespace mailpool::poolctl
