import type { ServiceFactory } from "./definition";
import { keystone } from "./keystone";
import { neutron } from "./neutron";

/** The services that this release of Stratiform knows, by the name that `services` uses. */
export const knownServices: Readonly<Record<string, ServiceFactory>> = { keystone, neutron };
