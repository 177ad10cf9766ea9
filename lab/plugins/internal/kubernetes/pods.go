package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// How much a failure quotes: lines of a container's log, warning events, pods.
const logLines, eventLines, podLines = 10, 5, 3

// lineLength is about what the progress display has room for, in characters.
const lineLength = 200

// maxRestarts of a container that is not running make a crash loop.
const maxRestarts = 3

// explainTimeout is how long collecting the text of a failure may take.
const explainTimeout = 10 * time.Second

// diagnosis follows the pods of one object while it is waited for.
type diagnosis struct {
	conn  *connection
	stuck time.Duration
	seen  map[string]sighting // by pod UID and container
}

// sighting is when a container was first seen in trouble without a break, and how often it had restarted then.
type sighting struct {
	since    time.Time
	restarts int32
}

// problem is what is wrong with a pod; the zero value is nothing.
type problem struct {
	pod       *corev1.Pod
	container string
	text      string
	restarted bool // the log of the previous run tells more
	fatal     bool // waiting longer will not help
}

// look finds the worst problem among the pods of the object's current revision.
func (d *diagnosis) look(ctx context.Context, obj *unstructured.Unstructured) problem {
	pods, _ := d.conn.pods(ctx, obj)
	var worst problem
	for _, pod := range pods {
		for _, found := range d.judge(pod, obj.GetKind() != "Job") {
			if worst.text == "" || found.fatal && !worst.fatal {
				worst = found
			}
		}
	}
	return worst
}

// judge lists a pod's problems. A Job has its own limit of restarts.
func (d *diagnosis) judge(pod *corev1.Pod, limitRestarts bool) []problem {
	var result []problem
	statuses := append(slices.Clone(pod.Status.InitContainerStatuses), pod.Status.ContainerStatuses...)
	for _, c := range statuses {
		key := string(pod.UID) + "/" + c.Name
		reason, message := stateOf(c)
		if reason == "" {
			delete(d.seen, key)
			continue
		}
		first, known := d.seen[key]
		if !known {
			first = sighting{since: time.Now(), restarts: c.RestartCount}
			d.seen[key] = first
		}
		long := time.Since(first.since) >= d.stuck
		found := problem{pod: pod, container: c.Name, text: strings.TrimSuffix(reason+": "+message, ": "), restarted: c.RestartCount > 0}
		switch reason {
		case "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			found.fatal = long
		case "InvalidImageName", "ErrImageNeverPull":
			found.fatal = true
		default: // it ended, and is started again
			found.text += fmt.Sprintf(" (%d restarts)", c.RestartCount)
			found.fatal = limitRestarts && c.RestartCount >= maxRestarts && (c.RestartCount > first.restarts || long)
		}
		result = append(result, found)
	}
	if len(result) == 0 && pod.Status.Phase == corev1.PodPending {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
				result = append(result, problem{pod: pod, text: c.Reason + ": " + c.Message})
			}
		}
	}
	return result
}

// stateOf is the trouble that a container is in; "" when it runs, has done its work, or is being started.
func stateOf(c corev1.ContainerStatus) (reason, message string) {
	last := c.State.Terminated
	if w := c.State.Waiting; w != nil {
		switch w.Reason {
		case "", "ContainerCreating", "PodInitializing":
			return "", ""
		case "CrashLoopBackOff":
			last = c.LastTerminationState.Terminated
		}
		if last == nil {
			return w.Reason, w.Message
		}
		return w.Reason, fmt.Sprintf("exit code %d, %s", last.ExitCode, cmp.Or(last.Reason, "no reason given"))
	}
	if last != nil && last.ExitCode != 0 {
		return cmp.Or(last.Reason, "Error"), strings.TrimSuffix(fmt.Sprintf("exit code %d, %s", last.ExitCode, last.Message), ", ")
	}
	return "", ""
}

// line is the failure in one line, for the progress display.
func (d *diagnosis) line(now verdict, found problem) string {
	if found.text == "" {
		return "waiting: " + now.message
	}
	line := []rune(fmt.Sprintf("waiting: %s; %s: %s", now.message, found.place(), found.text))
	if len(line) > lineLength {
		line = append(line[:lineLength], '…')
	}
	return string(line)
}

func (p problem) place() string {
	place := "pod " + p.pod.Name
	if p.container != "" {
		place += ", container " + p.container
	}
	return place + " on " + cmp.Or(p.pod.Spec.NodeName, "no node")
}

// failure says what is wrong with an object, with all that helps to find out why.
func (d *diagnosis) failure(ctx context.Context, obj *unstructured.Unstructured, now verdict, found problem, headline string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), explainTimeout)
	defer cancel()
	text := &strings.Builder{}
	fmt.Fprintf(text, "%s %s: %s", describe(obj), headline, cmp.Or(now.message, "no status yet"))
	pods, owners := d.conn.pods(ctx, obj)
	uids := append(owners, obj.GetUID())
	look := kubectl(obj, "describe")
	if found.pod == nil {
		found.pod = firstUnready(pods)
	}
	if found.pod != nil {
		fmt.Fprintf(text, "\n  %s: %s", found.place(), cmp.Or(found.text, "phase "+string(found.pod.Status.Phase)))
		for _, c := range found.pod.Status.Conditions {
			if c.Status != corev1.ConditionTrue && c.Type != corev1.ContainersReady && !repeats(found, c.Message) {
				fmt.Fprintf(text, "\n  condition %s=%s %s %s", c.Type, c.Status, c.Reason, c.Message)
			}
		}
		if container := cmp.Or(found.container, found.pod.Spec.Containers[0].Name); found.pod.Spec.NodeName != "" {
			if lines := d.lastLines(ctx, found, container); len(lines) > 0 {
				fmt.Fprintf(text, "\n  last log lines of container %s:\n    | %s", container, strings.Join(lines, "\n    | "))
				look = fmt.Sprintf("kubectl -n %s logs %s -c %s%s", found.pod.Namespace, found.pod.Name, container, previousFlag(found))
			} else {
				look = fmt.Sprintf("kubectl -n %s describe pod %s", found.pod.Namespace, found.pod.Name)
			}
		}
	}
	for i, pod := range pods {
		if uids = append(uids, pod.UID); i < podLines && (found.pod == nil || pod.UID != found.pod.UID) && !podReady(pod) {
			fmt.Fprintf(text, "\n  also not ready: pod %s on %s", pod.Name, cmp.Or(pod.Spec.NodeName, "no node"))
		}
	}
	for _, event := range d.warnings(ctx, obj.GetNamespace(), uids, found) {
		fmt.Fprintf(text, "\n  event %s", event)
	}
	fmt.Fprintf(text, "\n  to look further: %s", look)
	return errors.New(text.String())
}

// repeats tells whether a message says only what the problem says already.
func repeats(found problem, message string) bool {
	return message != "" && strings.Contains(found.text, strings.TrimSpace(message))
}

func previousFlag(p problem) string {
	if p.restarted {
		return " --previous"
	}
	return ""
}

func podReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func firstUnready(pods []*corev1.Pod) *corev1.Pod {
	if i := slices.IndexFunc(pods, func(pod *corev1.Pod) bool { return !podReady(pod) }); i >= 0 {
		return pods[i]
	}
	return nil
}

// lastLines are the last lines that a container wrote, in the run that ended if there is one.
func (d *diagnosis) lastLines(ctx context.Context, p problem, container string) []string {
	for _, previous := range []bool{p.restarted, false} {
		text, err := d.conn.logs(ctx, p.pod.Namespace, p.pod.Name, container, previous)
		// the kubelet's own words for a container that is gone already
		if text = strings.TrimSpace(text); err == nil && text != "" && !strings.HasPrefix(text, "unable to retrieve container logs") {
			lines := strings.Split(text, "\n")
			return lines[max(0, len(lines)-logLines):]
		}
	}
	return nil
}

// warnings are the latest warning events about some objects, oldest first, each message once.
func (d *diagnosis) warnings(ctx context.Context, namespace string, about []types.UID, found problem) []string {
	events, err := d.conn.list(ctx, "v1/events", namespace, metav1.ListOptions{FieldSelector: "type=Warning"})
	if err != nil {
		return nil
	}
	slices.SortStableFunc(events, func(a, b unstructured.Unstructured) int { return strings.Compare(eventTime(a), eventTime(b)) })
	var result []string
	for _, item := range slices.Backward(events) {
		event := corev1.Event{}
		if runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &event) != nil ||
			!slices.Contains(about, event.InvolvedObject.UID) || repeats(found, event.Message) {
			continue
		}
		line := fmt.Sprintf("%s (%s %s): %s", event.Reason, event.InvolvedObject.Kind, event.InvolvedObject.Name, strings.TrimSpace(event.Message))
		if !slices.Contains(result, line) && len(result) < eventLines {
			result = append(result, line)
		}
	}
	slices.Reverse(result)
	return result
}

func eventTime(event unstructured.Unstructured) string {
	for _, key := range []string{"lastTimestamp", "eventTime"} {
		if text, _ := event.Object[key].(string); text != "" {
			return text
		}
	}
	return event.GetCreationTimestamp().UTC().Format(time.RFC3339)
}

// pods are the pods that an object's current revision has made, and the UIDs of objects between them and it.
func (c *connection) pods(ctx context.Context, obj *unstructured.Unstructured) (pods []*corev1.Pod, between []types.UID) {
	options := metav1.ListOptions{}
	namespace := obj.GetNamespace()
	selector, _, _ := unstructured.NestedStringMap(obj.Object, "spec", "selector", "matchLabels")
	options.LabelSelector = metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: selector})
	revision := ""
	switch kind := obj.GetKind(); kind {
	case "Pod":
		options = metav1.ListOptions{FieldSelector: "metadata.name=" + obj.GetName()}
	case "Job":
		options.LabelSelector = "batch.kubernetes.io/controller-uid=" + string(obj.GetUID())
	case "StatefulSet":
		revision, _, _ = unstructured.NestedString(obj.Object, "status", "updateRevision")
	case "Deployment", "DaemonSet":
		seen, _, _ := unstructured.NestedInt64(obj.Object, "status", "observedGeneration")
		if seen < obj.GetGeneration() {
			return nil, nil // the pods are still those of the revision before
		}
		owner := c.newest(ctx, obj, options)
		if owner == nil {
			return nil, nil
		}
		between = append(between, owner.GetUID())
		revision = owner.GetLabels()[cmp.Or(map[string]string{"Deployment": "pod-template-hash"}[kind], "controller-revision-hash")]
	default:
		return nil, nil
	}
	list, err := c.list(ctx, "v1/pods", namespace, options)
	if err != nil {
		return nil, between
	}
	for _, item := range list {
		labels := item.GetLabels()
		pod := &corev1.Pod{}
		if revision != "" && labels["pod-template-hash"] != revision && labels["controller-revision-hash"] != revision ||
			obj.GetKind() != "Pod" && item.GetDeletionTimestamp() != nil ||
			runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, pod) != nil {
			continue
		}
		pods = append(pods, pod)
	}
	return pods, between
}

// newest is the ReplicaSet of a Deployment's latest revision, or the ControllerRevision of a DaemonSet's.
func (c *connection) newest(ctx context.Context, obj *unstructured.Unstructured, options metav1.ListOptions) *unstructured.Unstructured {
	what := map[string]string{"Deployment": "apps/v1/replicasets", "DaemonSet": "apps/v1/controllerrevisions"}[obj.GetKind()]
	list, err := c.list(ctx, what, obj.GetNamespace(), options)
	if err != nil {
		return nil
	}
	var result *unstructured.Unstructured
	latest := int64(-1)
	for _, item := range list {
		number, _, _ := unstructured.NestedInt64(item.Object, "revision")
		_, _ = fmt.Sscan(item.GetAnnotations()["deployment.kubernetes.io/revision"], &number)
		owned := slices.ContainsFunc(item.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return o.UID == obj.GetUID() })
		if owned && number > latest {
			latest, result = number, &item
		}
	}
	return result
}

// kubectl is a command about an object.
func kubectl(obj *unstructured.Unstructured, verb string, flags ...string) string {
	words := []string{"kubectl", verb, strings.ToLower(obj.GetKind()), obj.GetName()}
	if obj.GetNamespace() != "" {
		words = slices.Insert(words, 1, "-n", obj.GetNamespace())
	}
	return strings.Join(append(words, flags...), " ")
}
