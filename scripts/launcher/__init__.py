"""What starts Concord's processes on one machine: embedded servers, the portal, the demo clouds."""
