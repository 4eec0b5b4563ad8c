#pragma once
// A message's content on its way from the wire into storage: our Received field first, limits kept,
// facts noted, and without the fields that tell its tenant and campaign.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/lmtp/server.h"
#include "core/message/header_filter.h"
#include "core/message/header_scan.h"
#include "core/wire/dot_decoder.h"

namespace mailpool::lmtp {

/// Lives from DATA to the final dot. What it refuses is read to the end all the same, but not kept.
class BodyWriter final : private wire::ContentSink, private FilteredSink {
 public:
  /// References must outlive the writer. A max_message_size of 0: no limit. `expected`: SIZE=, 0 if
  /// unknown.
  BodyWriter(Envelope& envelope, ServerEvents& events, BodyStore& bodies,
             ServerSettings const& settings, std::uint64_t expected);

  /// The number of octets taken: less than given only where the data ended.
  std::size_t receive(std::string_view octets);
  [[nodiscard]] bool is_finished() const { return decoder_.is_finished(); }
  /// Storage keeps up: more may be read from the client.
  [[nodiscard]] bool wants_more() const;
  /// Why the message is not taken, for every recipient.
  [[nodiscard]] std::optional<Outcome> const& refusal() const { return refusal_; }
  /// Once, when is_finished() and there is no refusal.
  [[nodiscard]] Body take_body();

 private:
  void on_content(std::string_view octets) override;
  void on_kept(std::string_view octets) override;
  void begin();
  void store(std::string_view octets);
  void finish();
  void refuse(std::uint16_t code, EnhancedCode enhanced, std::string text);

  Envelope& envelope_;
  ServerEvents& events_;
  std::uint64_t const max_size_;
  wire::DotDecoder decoder_;
  HeaderScan header_;
  HeaderFilter filter_;
  std::string held_;  ///< the beginning of the content, until its newest Received field has told
                      ///< the queue id
  Body body_;
  std::uint64_t content_size_ = 0;  ///< as SIZE counts it: without our own field
  bool begun_ = false;              ///< our Received field is written
  std::optional<Outcome> refusal_;
};

}  // namespace mailpool::lmtp
