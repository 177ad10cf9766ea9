/**
 * Body of a stand-in for the program `sleep`, in shell: the pauses of a script that asks again and again last a moment. What
 * must last says `/bin/sleep`.
 */
export const shortSleep = "exec /bin/sleep 0.1";
