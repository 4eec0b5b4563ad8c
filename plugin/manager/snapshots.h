#pragma once
// What delivery knows, put into the words that an operator is shown.

#include "core/control/measured.h"
#include "core/control/snapshot.h"
#include "core/delivery/dispatcher.h"

namespace mailpool::manager {

[[nodiscard]] control::Moment moment_of(TimePoint t, delivery::Clock const& clock);
/// Nothing for `never`, the past, and what only an event can end.
[[nodiscard]] std::optional<control::Moment> moment_to_come(TimePoint t,
                                                            delivery::Clock const& clock);

[[nodiscard]] control::ConnectionCounts counts_of(pool::Pool const& pool);
/// What the newest connection to this endpoint is protected by, in words; the rest of it goes into
/// `status`, which says which endpoint. "" where none is encrypted.
[[nodiscard]] std::string add_newest_tls(control::EndpointStatus& status,
                                         delivery::Site const& site, delivery::Clock const& clock);
/// Adds the site's connections to the endpoint that `status` says.
void add_connections(control::EndpointStatus& status, delivery::Site const& site);
/// With endpoints only if `in_full`.
[[nodiscard]] control::SiteStatus status_of(delivery::Site const& site,
                                            delivery::Clock const& clock, bool in_full);
[[nodiscard]] control::ParkingStatus status_of(parking::Parking const& parking);
/// Without its connections; `record` is null for an endpoint without a past.
[[nodiscard]] control::EndpointStatus status_of(site::EndpointName const& endpoint,
                                                site::EndpointHealth::Record const* record,
                                                delivery::Clock const& clock);
[[nodiscard]] control::ConnectionStatus status_of(delivery::SmtpConnection const& connection,
                                                  delivery::Site const& site, TimePoint now,
                                                  WallTime wall);
[[nodiscard]] control::DomainStatus status_of(std::string const& domain,
                                              delivery::Dispatcher const& dispatcher,
                                              delivery::Clock const& clock);
/// What the page for Prometheus has of a site beyond its status.
[[nodiscard]] control::MeasuredSite measured_of(delivery::Site const& site,
                                                delivery::Clock const& clock);
[[nodiscard]] std::string door_of(delivery::Site const& site);

}  // namespace mailpool::manager
