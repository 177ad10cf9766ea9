import type { ServiceFactory } from "./definition";
import { glance } from "./glance";
import { keystone } from "./keystone";
import { neutron } from "./neutron";
import { nova } from "./nova";
import { placement } from "./placement";

/** The services that this release of Stratiform knows, by the name that `services` uses. */
export const knownServices: Readonly<Record<string, ServiceFactory>> = { glance, keystone, neutron, nova, placement };
