#pragma once
// Looks whether a server that failed greets again, so that no client has to find out.

#include <memory>
#include <string>

#include "core/imap/profile.h"
#include "core/wire/imap_scanner.h"

namespace mailpool::imap {

class Probe final : public ChannelEvents {
 public:
  Probe(Profile& profile, std::size_t server, TimePoint now)
      : profile_(profile), server_(server), began_at_(now) {}
  void attach(std::unique_ptr<Channel> channel) { channel_ = std::move(channel); }
  [[nodiscard]] bool is_over() const { return !channel_; }

  void on_open(std::string_view, TimePoint) override {}
  void on_tls(TimePoint) override {}
  void on_input(std::string_view octets, TimePoint now) override;
  void on_end(std::string_view how, bool is_lost, TimePoint now) override;
  void on_no_socket(std::string_view why, TimePoint now) override;
  void on_written(TimePoint) override {}
  void on_deadline(TimePoint now) override;
  [[nodiscard]] Outbox& outbox() override { return out_; }
  [[nodiscard]] bool wants_input() const override { return true; }
  [[nodiscard]] TimePoint deadline() const override;

 private:
  void end(std::string why, TimePoint now);

  Profile& profile_;
  std::size_t server_;
  TimePoint began_at_;
  std::unique_ptr<Channel> channel_;
  Outbox out_;
  std::string input_;
};

}  // namespace mailpool::imap
