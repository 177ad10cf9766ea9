import { OpenStackCloud } from "../../../components/openstack";
import { cloudArgs } from "./cloud-args";

new OpenStackCloud("cloud", cloudArgs);
