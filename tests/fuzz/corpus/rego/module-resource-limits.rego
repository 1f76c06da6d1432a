package basphereresourcelimits

import data.lib.pods

violation contains {"msg": msg, "details": {"path": at}} if {
  # Ephemeral containers cannot have limits.
  some list in ["initContainers", "containers"]
  some path, container in pods.of(list)
  some resource in object.get(input.parameters, "resources", ["cpu", "memory"])
  not limits(container, resource)
  not limits(pods.spec, resource)
  at := concat(".", [path, "resources.limits", resource])
  msg := sprintf("%s: container %s has no limit of %s: set one above 0, or one for the whole pod", [at, pods.name(container), resource])
}

# A limit of nothing is none: a digit other than 0 before the unit makes one.
limits(holder, resource) if regex.match(`^[+]?[0-9.]*[1-9]`, sprintf("%v", [holder.resources.limits[resource]]))
---
package lib.objects

# What a request writes at a place of its object: null where there is nothing. It is undefined, and hence nothing is
# found, where something is deleted, and where an update leaves the place as it is: whoever takes away a finalizer or
# sets a label must not be held up by what was stored before this policy.
written(place) := wanted if {
  not input.review.operation == "DELETE"
  wanted := object.get(input.review.object, place, null)
  not stored(place, wanted)
}

stored(place, wanted) if {
  input.review.operation == "UPDATE"
  object.get(input.review.oldObject, place, null) == wanted
}
---
package lib.pods

import data.lib.objects

# Where each kind keeps the spec of its pods.
places := {
  "CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
  "DaemonSet": ["spec", "template", "spec"],
  "Deployment": ["spec", "template", "spec"],
  "Job": ["spec", "template", "spec"],
  "Pod": ["spec"],
  "PodTemplate": ["template", "spec"],
  "ReplicaSet": ["spec", "template", "spec"],
  "ReplicationController": ["spec", "template", "spec"],
  "StatefulSet": ["spec", "template", "spec"],
}

place := places[input.review.object.kind]

spec := objects.written(place)

# The path of a field of that spec, as people write it.
path(field) := concat(".", array.concat(place, [field]))

# The containers of one of the three lists, by their paths.
of(list) := {at: container |
  some index, container in spec[list]
  at := path(sprintf("%s[%d]", [list, index]))
}

containers[at] := container if {
  some list in ["initContainers", "containers", "ephemeralContainers"]
  some at, container in of(list)
}

# What a person calls a container.
name(container) := object.get(container, "name", "(no name)")

# What Linux knows of privileges cannot be said of a pod for Windows: the API server refuses it there.
windows if spec.os.name == "windows"
