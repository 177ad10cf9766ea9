import type { ServiceFactory } from "./definition";
import { openvswitch } from "./host-network";
import { keystone } from "./keystone";
import { libvirt } from "./libvirt";

/** The services that this release of Stratiform knows, by the name that `services` uses. */
export const knownServices: Readonly<Record<string, ServiceFactory>> = { keystone, libvirt, openvswitch };

/** Services on the hosts that another one cannot do without; nobody need name them. */
export const impliedServices: Readonly<Record<string, readonly string[]>> = {
  neutron: ["openvswitch"],
  nova: ["libvirt"],
};
