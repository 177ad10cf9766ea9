import type { EndpointAddressArgs } from "./args";

/** Addresses of the endpoints, or their names where no address is given: public first, each once. */
export function endpointAddresses(endpoint: EndpointAddressArgs): string[] {
  const ofPublic = endpoint.publicAddress ?? endpoint.public;
  const ofInternal = endpoint.internal === undefined ? ofPublic : (endpoint.internalAddress ?? endpoint.internal);
  return [...new Set([ofPublic, ofInternal])];
}
