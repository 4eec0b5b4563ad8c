#pragma once
// "The world said no": a value to be handled, never an exception.

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace mailpool {

/// Why not, in words for an operator.
struct Error {
  std::string reason;
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> failed(std::string reason) {
  return tl::make_unexpected(Error{std::move(reason)});
}

}  // namespace mailpool
